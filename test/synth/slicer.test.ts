import { describe, expect, test } from "vitest";
import { SLICE_LEASE_MS, SLICE_READ_LIMIT_MS } from "../../lambda/engine/jobs/slice-limits.ts";
import { makeEstate } from "../support/estate.ts";
import { propertiesOf, statementsOf, synthesizeEstate } from "./synthesize.ts";

const slice = {
  schedule: { everyMinutes: 15 },
  retainDays: 2,
  lockDays: 2,
  storage: "standard",
  drill: false,
} as const;
const base = makeEstate();
const { workers, watch } = synthesizeEstate(makeEstate({ cadences: { ...base.cadences, slice } }));
const schedulesOf = (template: typeof workers) =>
  propertiesOf(template, "AWS::Scheduler::Schedule").filter(({ Name }) => String(Name).includes("slice"));

describe("slices", () => {
  test("are made by a function that each source's own schedule calls, and by no machine", () => {
    expect(schedulesOf(workers)).toMatchObject([
      {
        Name: "demo-slice-mongodb",
        ScheduleExpression: "cron(0/15 * * * ? *)",
        FlexibleTimeWindow: { Mode: "OFF" },
        Target: {
          Arn: { "Fn::GetAtt": [expect.stringMatching(/^SlicerFunction/), "Arn"] },
          Input: '{"job":"slice","source":"mongodb"}',
          DeadLetterConfig: { Arn: expect.anything() },
        },
      },
    ]);
    expect(statementsOf(workers, "SlicerScheduleGrants").map(({ Action }) => Action)).toEqual([
      "lambda:InvokeFunction",
      "sqs:SendMessage",
    ]);
  });

  test("end before their lease does, and have time to be sealed after they were read", () => {
    const [slicer] = propertiesOf(workers, "AWS::Lambda::Function").filter(
      ({ Handler }) => Handler === "index.slicer",
    );
    const timeoutMs = Number(slicer?.Timeout) * 1000;
    expect(timeoutMs).toBeLessThan(SLICE_LEASE_MS);
    expect(SLICE_READ_LIMIT_MS).toBeLessThanOrEqual(timeoutMs / 2);
  });

  test("may start the machine Backup, by the writer's role and nothing else new", () => {
    expect(statementsOf(workers, "SlicerGrants").map(({ Action }) => Action)).toEqual([
      "states:StartExecution",
      "sqs:SendMessage",
    ]);
    expect(JSON.stringify(statementsOf(workers, "SlicerGrants"))).toContain("stateMachine:demo-backup");
  });

  test("that fail for good raise an alert", () => {
    const [config] = propertiesOf(workers, "AWS::Lambda::EventInvokeConfig");
    expect(config).toMatchObject({
      MaximumRetryAttempts: 1,
      DestinationConfig: { OnFailure: expect.anything() },
    });
    const alarms = propertiesOf(watch, "AWS::CloudWatch::Alarm").map(
      ({ AlarmDescription }) => AlarmDescription,
    );
    expect(alarms).toContainEqual(expect.stringMatching(/^Slices of the estate demo fail/));
  });

  test("are not made where nothing schedules them, nor of sources without a log", () => {
    const { workers: quiet } = synthesizeEstate();
    expect(schedulesOf(quiet)).toEqual([]);
    const other = { kind: "other", compute: "lambda", config: {} } as const;
    const estate = makeEstate({ sources: { other }, cadences: { ...base.cadences, slice } });
    expect(schedulesOf(synthesizeEstate(estate).workers)).toEqual([]);
  });
});
