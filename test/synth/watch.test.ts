import { describe, expect, test } from "vitest";
import { makeEstate } from "../support/estate.ts";
import { propertiesOf, STACKS, statementsOf, synthesizeEstate } from "./synthesize.ts";

const templates = synthesizeEstate();
const { watch } = templates;
const statementsIn = (policy: Record<string, unknown>, field: string) =>
  (policy[field] as { Statement: Record<string, unknown>[] }).Statement;

test("the topic's key lets EventBridge, CloudWatch and SNS publish", () => {
  const keys = propertiesOf(templates.vault, "AWS::KMS::Key");
  const allowed = keys
    .flatMap((key) => statementsIn(key, "KeyPolicy"))
    .filter(({ Sid }) => Sid === "AllowAlerts");
  expect(allowed).toMatchObject([
    {
      Effect: "Allow",
      Action: ["kms:Decrypt", "kms:GenerateDataKey*"],
      Principal: { Service: ["cloudwatch.amazonaws.com", "events.amazonaws.com", "sns.amazonaws.com"] },
    },
  ]);
});

test("the topic is encrypted with that key, TLS only, and lets alarms publish", () => {
  const [topic, ...others] = propertiesOf(watch, "AWS::SNS::Topic");
  expect(others).toEqual([]);
  expect(JSON.stringify(topic?.KmsMasterKeyId)).toContain("OperationsKey");
  const [policy] = propertiesOf(watch, "AWS::SNS::TopicPolicy");
  const statements = statementsIn(policy ?? {}, "PolicyDocument");
  expect(statements).toContainEqual(expect.objectContaining({ Sid: "AllowAlarms", Action: "sns:Publish" }));
  expect(statements).toContainEqual(
    expect.objectContaining({ Effect: "Deny", Condition: { Bool: { "aws:SecureTransport": "false" } } }),
  );
});

test("every configured receiver is subscribed", () => {
  expect(propertiesOf(watch, "AWS::SNS::Subscription")).toMatchObject([
    { Protocol: "email", Endpoint: "operator@example.com" },
  ]);
});

test("who looks for objects that came out of Glacier reads ciphertext, and decrypts nothing of the vault", () => {
  const statements = statementsOf(watch, "ThawedGrants");
  const reading = statements.filter(({ Action }) => [Action].flat().includes("s3:GetObjectVersion"));
  expect(JSON.stringify(reading)).toContain("/data/*");
  for (const prefix of ["manifests", "drills"]) expect(JSON.stringify(statements)).not.toContain(prefix);
  const keys = statements.filter(({ Action }) => [Action].flat().includes("kms:Decrypt"));
  expect(keys.length).toBeGreaterThan(0);
  for (const { Resource } of keys) expect(JSON.stringify(Resource)).not.toContain("VaultKey");
});

test("a worker that died is answered for on every machine that has tasks, in both Regions", () => {
  for (const name of ["watch", "standby"] as const) {
    const stacks = name === "watch" ? [templates.workers, templates.runbooks] : [templates.standby];
    const working = stacks
      .flatMap((one) => propertiesOf(one, "AWS::StepFunctions::StateMachine"))
      .filter((machine) => JSON.stringify(machine).includes("ecs:runTask"))
      .map(({ StateMachineName }) => String(StateMachineName));
    expect(working.length).toBeGreaterThan(1);
    const answered = JSON.stringify(statementsOf(templates[name], "TaskStoppedGrants"));
    for (const machine of working) expect(answered).toContain(`:stateMachine:${machine}"`);
  }
});

describe("failures have one publisher", () => {
  const home = STACKS.filter((name) => name !== "standby");
  const rules = home.flatMap((name) => propertiesOf(templates[name], "AWS::Events::Rule"));
  const ofExecutions = rules.filter((rule) => JSON.stringify(rule).includes("Execution Status Change"));

  test("one rule with one target sees every way in which an execution of the estate fails", () => {
    expect(ofExecutions).toHaveLength(1);
    const [rule] = ofExecutions;
    expect(rule?.Targets).toHaveLength(1);
    expect(rule?.EventPattern).toMatchObject({
      source: ["aws.states"],
      detail: { status: ["FAILED", "TIMED_OUT", "ABORTED"] },
    });
    const text = JSON.stringify(rule?.EventPattern);
    for (const machine of ["demo-backup", "demo-recover", "demo-approve"]) expect(text).toContain(machine);
  });

  test("no machine publishes, and of the workers only the approver, who calls people", () => {
    const machines = [templates.workers, templates.runbooks].flatMap((one) =>
      propertiesOf(one, "AWS::StepFunctions::StateMachine"),
    );
    expect(machines).toHaveLength(11);
    expect(JSON.stringify(machines)).not.toContain("sns:");
    const publishing = [templates.workers, templates.runbooks]
      .flatMap((one) => propertiesOf(one, "AWS::IAM::Policy"))
      .filter((policy) => JSON.stringify(policy).includes("sns:Publish"));
    expect(publishing.map(({ PolicyName }) => PolicyName)).toEqual([expect.stringContaining("Approver")]);
  });
});

describe("a critical failure", () => {
  const startsOf = (template: typeof watch) =>
    propertiesOf(template, "AWS::IAM::Policy").filter((policy) =>
      JSON.stringify(policy).includes("states:StartExecution"),
    );

  test("calls people: the publisher may start the machine for that, and no other", () => {
    const [policy, ...others] = startsOf(watch);
    expect(others).toEqual([]);
    expect(JSON.stringify(policy)).toMatch(/:stateMachine:demo-escalate/);
    expect(JSON.stringify(policy)).not.toMatch(/:stateMachine:demo-(?!escalate)/);
  });

  test("calls nobody, and the publisher may start nothing, where the estate says so", () => {
    const silent = { waitMinutes: { L1: 15, L2: 15, L3: 30 }, automatic: false };
    const template = synthesizeEstate(makeEstate({ escalation: silent })).watch;
    expect(startsOf(template)).toEqual([]);
    expect(JSON.stringify(template)).not.toContain("ESCALATE_MACHINE_ARN");
  });
});

test("a task of the estate's cluster that stops ends the wait for it", () => {
  const rule = propertiesOf(watch, "AWS::Events::Rule").find((one) =>
    JSON.stringify(one).includes("aws.ecs"),
  );
  expect(rule?.EventPattern).toMatchObject({
    "detail-type": ["ECS Task State Change"],
    detail: { lastStatus: ["STOPPED"], clusterArn: [expect.anything()] },
  });
});

test("an object that came out of Glacier is told to the runbook that waits for it", () => {
  const [vaultBucket] = propertiesOf(templates.vault, "AWS::S3::Bucket").filter(
    ({ NotificationConfiguration }) => NotificationConfiguration !== undefined,
  );
  expect(vaultBucket?.NotificationConfiguration).toEqual({
    EventBridgeConfiguration: { EventBridgeEnabled: true },
  });
  const rule = propertiesOf(watch, "AWS::Events::Rule").find((one) => JSON.stringify(one).includes("aws.s3"));
  expect(rule?.EventPattern).toMatchObject({
    "detail-type": ["Object Restore Completed"],
    detail: { bucket: { name: [expect.anything()] } },
  });
});

test("whatever cannot be reacted to or started lies in a queue that raises an alarm", () => {
  const alarms = propertiesOf(watch, "AWS::CloudWatch::Alarm").filter(
    ({ Namespace }) => Namespace === "AWS/SQS",
  );
  expect(alarms).toHaveLength(4);
  for (const alarm of alarms) {
    expect(alarm).toMatchObject({
      MetricName: "ApproximateNumberOfMessagesVisible",
      Threshold: 1,
      TreatMissingData: "notBreaching",
      AlarmActions: [{ Ref: expect.stringMatching(/^Alerts/) }],
    });
  }
  for (const target of propertiesOf(watch, "AWS::Events::Rule").flatMap((rule) => rule.Targets as object[])) {
    expect(target).toMatchObject({ DeadLetterConfig: expect.anything(), RetryPolicy: expect.anything() });
  }
});

test("what a function was told of an event and failed to do is kept too; the auditor just looks again", () => {
  const all = propertiesOf(watch, "AWS::Lambda::EventInvokeConfig");
  expect(all).toHaveLength(propertiesOf(watch, "AWS::Lambda::Function").length);
  const configs = all.filter((config) => !JSON.stringify(config).includes("AuditorFunction"));
  expect(configs).toHaveLength(3);
  for (const config of configs)
    expect(config).toMatchObject({ DestinationConfig: { OnFailure: expect.anything() } });
});
