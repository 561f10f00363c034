import { describe, expect, test } from "vitest";
import { makeEstate } from "../support/estate.ts";
import { propertiesOf, synthesizeEstate } from "./synthesize.ts";

const mongodb = { kind: "mongodb", compute: "fargate", config: {} } as const;
const exports = { kind: "http-export", compute: "lambda", config: {} } as const;
const localTier = { path: "/backup", keep: 7, schedule: { at: "02:00" } } as const;
const sources = { mongodb, exports };
const named = (template: Parameters<typeof propertiesOf>[0], name: string) =>
  propertiesOf(template, "AWS::Scheduler::Schedule").filter(({ Name }) => Name === name);

describe("an estate that keeps copies on its host", () => {
  const { workers, watch } = synthesizeEstate(makeEstate({ sources, localTier }));

  test("starts the machine that makes them once a day, by the clock of the estate", () => {
    expect(named(workers, "demo-local-tier")).toMatchObject([
      {
        ScheduleExpression: "cron(0 2 * * ? *)",
        ScheduleExpressionTimezone: "Asia/Riyadh",
        Target: { Input: '{"trigger":"schedule demo-local-tier"}' },
      },
    ]);
  });

  test("has an alarm for each source that can be copied, which takes silence for a breach", () => {
    const alarms = propertiesOf(watch, "AWS::CloudWatch::Alarm").filter(
      ({ MetricName }) => MetricName === "LocalTierAgeSeconds",
    );
    // What makes a backup fresh, 3600 + 3600 + 1800 s, and a day with an hour for the clock change.
    expect(alarms).toMatchObject([
      {
        Dimensions: [
          { Name: "Estate", Value: "demo" },
          { Name: "Source", Value: "mongodb" },
        ],
        Threshold: 9000 + 25 * 3600,
        TreatMissingData: "breaching",
      },
    ]);
  });
});

test("an estate without copies on its host has neither schedule nor alarm of them", () => {
  const { workers, watch } = synthesizeEstate(makeEstate({ sources }));
  expect(named(workers, "demo-local-tier")).toEqual([]);
  expect(JSON.stringify(watch)).not.toContain("LocalTier");
});
