import { describe, expect, test } from "vitest";
import { makeEstate } from "../support/estate.ts";
import { propertiesOf, statementsOf, synthesizeEstate } from "./synthesize.ts";

const source = { kind: "mongodb", compute: "lambda", config: {} } as const;
const two = makeEstate({ sources: { mongodb: source, archive: source } });
const { watch } = synthesizeEstate(two);
const alarmsOf = (template: typeof watch) =>
  propertiesOf(template, "AWS::CloudWatch::Alarm").filter(({ Namespace }) => Namespace === "BackupEstate");
const alarmOn = (metric: string) => alarmsOf(watch).filter(({ MetricName }) => MetricName === metric);
const TOPIC = [{ Ref: expect.stringMatching(/^Alerts/) }];

describe("a lost backup cannot be missed", () => {
  test("each source has an alarm on the age of its newest verified backup, at the objective and a period", () => {
    const alarms = alarmOn("FreshnessAgeSeconds");
    expect(alarms.map(({ Dimensions }) => Dimensions)).toEqual(
      ["mongodb", "archive"].map((Value) => [
        { Name: "Estate", Value: "demo" },
        { Name: "Source", Value },
      ]),
    );
    for (const alarm of alarms)
      expect(alarm).toMatchObject({
        Threshold: 3600 + 3600 + 1800,
        ComparisonOperator: "GreaterThanThreshold",
        Statistic: "Maximum",
        AlarmActions: TOPIC,
      });
  });

  test("an alarm judges the auditor itself", () => {
    expect(alarmOn("AuditRan")).toMatchObject([
      {
        Dimensions: [{ Name: "Estate", Value: "demo" }],
        Threshold: 1,
        ComparisonOperator: "LessThanThreshold",
        Statistic: "Sum",
        AlarmActions: TOPIC,
      },
    ]);
  });

  test("all but that of slow drills take silence for a breach", () => {
    const silent = alarmsOf(watch).filter(({ MetricName }) => MetricName !== "ExpectedRecoverySeconds");
    expect(silent).toHaveLength(4);
    for (const alarm of silent)
      expect(alarm).toMatchObject({ TreatMissingData: "breaching", EvaluationPeriods: 2 });
  });

  test("drills that take more than 80 % of the objective are told, before the first one nothing is", () => {
    const slow = alarmsOf(watch).filter(({ MetricName }) => MetricName === "ExpectedRecoverySeconds");
    expect(slow).toEqual([
      expect.objectContaining({
        Threshold: 0.8 * 1800,
        ComparisonOperator: "GreaterThanThreshold",
        TreatMissingData: "notBreaching",
        AlarmActions: TOPIC,
      }),
    ]);
  });

  test("the auditor runs once in each period of the alarms, by a schedule of its own", () => {
    const [schedule, ...others] = propertiesOf(watch, "AWS::Scheduler::Schedule");
    expect(others).toEqual([]);
    expect(schedule).toMatchObject({
      Name: "demo-audit",
      ScheduleExpression: "cron(0/10 * * * ? *)",
      FlexibleTimeWindow: { Mode: "OFF" },
      Target: {
        Arn: { "Fn::GetAtt": [expect.stringMatching(/^AuditorFunction/), "Arn"] },
        Input: '{"job":"audit"}',
      },
    });
    for (const { Period } of alarmsOf(watch)) expect(Period).toBe(600);
  });

  test("an estate that schedules nothing has no age to judge, but still an auditor", () => {
    const manual = { retainDays: 14, lockDays: 7, storage: "standard", drill: true } as const;
    const { watch: quiet } = synthesizeEstate(makeEstate({ cadences: { manual } }));
    expect(alarmsOf(quiet).map(({ MetricName }) => MetricName)).toEqual([
      "AuditRan",
      "ExpectedRecoverySeconds",
    ]);
  });
});

describe("the auditor's role", () => {
  const statements = statementsOf(watch, "AuditorIdentity");
  const actions = statements.flatMap(({ Action }) => [Action].flat());

  test("reads manifests and records, lists, decrypts, logs, and nothing else", () => {
    const logs = statementsOf(watch, "AuditorFunctionLogGrants").flatMap(({ Action }) => [Action].flat());
    expect([...actions].sort()).toEqual([
      "cloudwatch:PutMetricData",
      "kms:Decrypt",
      "s3:GetObject",
      "s3:GetObjectVersion",
      "s3:ListBucket",
      "s3:ListBucketVersions",
    ]);
    expect(logs).toEqual(["logs:CreateLogStream", "logs:PutLogEvents"]);
    const text = JSON.stringify(statements);
    for (const prefix of ["manifests", "verifications", "drills"]) expect(text).toContain(`/${prefix}/*`);
    for (const prefix of ["data", "sets", "recoveries", "claims"]) expect(text).not.toContain(`/${prefix}/*`);
  });

  test("sends numbers into the estate's namespace only", () => {
    const [put] = statements.filter(({ Action }) => Action === "cloudwatch:PutMetricData");
    expect(put?.Condition).toEqual({ StringEquals: { "cloudwatch:namespace": "BackupEstate" } });
  });

  test("is called by the schedule of this account's group only", () => {
    const roles = propertiesOf(watch, "AWS::IAM::Role").map((role) => JSON.stringify(role));
    const [scheduler, ...others] = roles.filter((role) => role.includes("scheduler.amazonaws.com"));
    expect(others).toEqual([]);
    expect(scheduler).toContain("aws:SourceAccount");
    expect(scheduler).toContain("aws:SourceArn");
    expect(statementsOf(watch, "AuditorScheduleGrants")).toMatchObject([{ Action: "lambda:InvokeFunction" }]);
  });
});

describe("what ends by itself", () => {
  const certificates = { kind: "certificates", compute: "lambda", config: {} } as const;
  const { watch: expiring } = synthesizeEstate(
    makeEstate({ sources: { mongodb: source, tls: certificates } }),
  );

  test("has an alarm 30, 14, 7 and 1 days before, which silence neither raises nor ends", () => {
    const alarms = alarmsOf(expiring).filter(({ MetricName }) => MetricName === "ValidDays");
    expect(alarms.map(({ Threshold }) => Number(Threshold)).sort((left, right) => left - right)).toEqual([
      1, 7, 14, 30,
    ]);
    for (const alarm of alarms)
      expect(alarm).toMatchObject({
        Dimensions: [
          { Name: "Estate", Value: "demo" },
          { Name: "Source", Value: "tls" },
        ],
        ComparisonOperator: "LessThanThreshold",
        Statistic: "Minimum",
        TreatMissingData: "ignore",
        AlarmActions: TOPIC,
      });
  });

  test("has none where nothing ends", () => {
    expect(alarmOn("ValidDays")).toEqual([]);
  });
});
