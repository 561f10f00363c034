import { expect, test } from "vitest";
import { thawInputSchema } from "../../lambda/engine/model/thaw.ts";
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

test("once a quarter one of them is thawed and restored, by the tier that costs nothing by the gigabyte", () => {
  const { workers } = synthesizeEstate(makeEstate());
  const schedules = propertiesOf(workers, "AWS::Scheduler::Schedule");
  const [sample] = schedules.filter(({ Name }) => Name === "demo-archive-sample");
  expect(sample).toMatchObject({ ScheduleExpression: "cron(0 7 1 1,4,7,10 ? *)" });
  const { Input = "" } = (sample?.Target ?? {}) as { Input?: string };
  expect(thawInputSchema.parse(JSON.parse(Input))).toEqual({
    ...{ sample: true, tier: "bulk", days: 3, recovery: "drill", mode: "execute" },
  });
});

test("an estate without long-term backups has neither", () => {
  const { daily } = makeEstate().cadences;
  const { workers, watch } = synthesizeEstate(makeEstate({ cadences: daily ? { daily } : {} }));
  const schedules = JSON.stringify(propertiesOf(workers, "AWS::Scheduler::Schedule"));
  expect(schedules).not.toMatch(/verify-archive|archive-sample/);
  expect(JSON.stringify(watch)).not.toContain("ArchiveLookAge");
});
