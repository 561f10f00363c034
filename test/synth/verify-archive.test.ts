import { expect, test } from "vitest";
import { makeEstate } from "../support/estate.ts";
import { propertiesOf, synthesizeEstate } from "./synthesize.ts";

test("an estate with long-term backups has them looked at once a week, and an alarm when that did not happen", () => {
  const { workers, watch } = synthesizeEstate(makeEstate());
  const schedules = propertiesOf(workers, "AWS::Scheduler::Schedule");
  expect(schedules.filter(({ Name }) => Name === "demo-verify-archive")).toMatchObject([
    {
      ScheduleExpression: "cron(30 6 ? * WED *)",
      ScheduleExpressionTimezone: "Asia/Riyadh",
      Target: { Input: '{"trigger":"schedule demo-verify-archive"}' },
    },
  ]);
  const alarms = propertiesOf(watch, "AWS::CloudWatch::Alarm");
  expect(alarms.filter(({ MetricName }) => MetricName === "ArchiveLookAgeSeconds")).toMatchObject([
    { Threshold: 8 * 86_400, TreatMissingData: "breaching" },
  ]);
});

test("an estate without long-term backups has neither", () => {
  const { daily } = makeEstate().cadences;
  const { workers, watch } = synthesizeEstate(makeEstate({ cadences: daily ? { daily } : {} }));
  expect(JSON.stringify(propertiesOf(workers, "AWS::Scheduler::Schedule"))).not.toContain("verify-archive");
  expect(JSON.stringify(watch)).not.toContain("ArchiveLookAge");
});
