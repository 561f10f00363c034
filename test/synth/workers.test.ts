import { describe, expect, test } from "vitest";
import { WORKER_ALLOCATOR, WORKER_NODE_FLAGS } from "../../lambda/engine/model/worker-flags.ts";
import { WORKER_BOOTSTRAP } from "../../lib/constructs/bootstrap.ts";
import { RUNBOOKS } from "../../runbooks/index.ts";
import { makeEstate } from "../support/estate.ts";
import { MONGO_DRILL, propertiesOf, resourcesOf, statementsOf, synthesizeEstate } from "./synthesize.ts";

const templates = synthesizeEstate();
const { workers } = templates;

/** All that the role of a worker may do, as `action → resources`. */
function grantsOf(worker: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const { Action, Resource } of statementsOf(workers, `Fleet${worker}`)) {
    for (const action of [Action].flat()) {
      found.set(action, `${found.get(action) ?? ""}${JSON.stringify(Resource)}`);
    }
  }
  expect(found.size).toBeGreaterThan(3);
  return found;
}

describe("functions", () => {
  const functions = propertiesOf(workers, "AWS::Lambda::Function");

  test("there is one for each role that Lambda runs, from one bundle", () => {
    expect(functions.map(({ FunctionName }) => FunctionName).sort()).toEqual([
      "demo-approver",
      "demo-checker",
      "demo-restorer",
      "demo-writer",
    ]);
    expect(new Set(functions.map(({ Code }) => JSON.stringify(Code))).size).toBe(1);
  });

  test("they run Node 24 on arm64, log into encrypted groups, and know buckets by name", () => {
    for (const one of functions) {
      expect(one).toMatchObject({ Runtime: "nodejs24.x", Architectures: ["arm64"] });
      expect(one.LoggingConfig).toMatchObject({ LogGroup: { Ref: expect.any(String) } });
      const { Variables } = one.Environment as { Variables: Record<string, unknown> };
      expect(Variables).toMatchObject({ ESTATE_NAME: "demo" });
      expect(Object.keys(Variables)).toEqual(expect.arrayContaining(["VAULT_BUCKET", "STATE_BUCKET"]));
    }
  });

  test("those that read or write backups have all the time that Lambda gives", () => {
    const timeouts = Object.fromEntries(functions.map((one) => [one.Handler, one.Timeout]));
    expect(timeouts).toEqual({
      "index.writer": 900,
      "index.checker": 900,
      "index.restorer": 900,
      "index.approver": 60,
    });
  });
});

describe("tasks", () => {
  const definitions = propertiesOf(workers, "AWS::ECS::TaskDefinition");
  const containers = (family: string) =>
    definitions.find((one) => one.Family === family)?.ContainerDefinitions as Record<string, unknown>[];

  test("there is one for each role, and a drill for each source and major version", () => {
    expect(definitions.map(({ Family }) => Family).sort()).toEqual([
      "demo-checker",
      "demo-drill-mongodb-6",
      "demo-drill-mongodb-7",
      "demo-restorer",
      "demo-writer",
    ]);
  });

  test("each runs the bootstrap in a container called worker, which knows the bundle's digest", () => {
    for (const { Family } of definitions) {
      const [worker] = containers(String(Family)).filter(({ Name }) => Name === "worker");
      expect(worker).toMatchObject({ EntryPoint: ["node", ...WORKER_NODE_FLAGS, "-e", WORKER_BOOTSTRAP] });
      for (const [Name, Value] of Object.entries(WORKER_ALLOCATOR))
        expect(worker?.Environment).toContainEqual({ Name, Value });
      expect(worker?.Environment).toContainEqual({
        Name: "WORKER_ROLE",
        Value: String(Family).split("-")[1],
      });
      const variables = worker?.Environment as { Name: string }[] | undefined;
      expect(variables?.map(({ Name }) => Name)).toEqual(
        expect.arrayContaining([
          "AWS_REGION",
          "BUNDLE_BUCKET",
          "BUNDLE_KEY",
          "BUNDLE_SHA256",
          "VAULT_BUCKET",
        ]),
      );
    }
  });

  test("a drill has the server of the source's major version beside it, and knows its address", () => {
    const [worker, server, ...others] = containers("demo-drill-mongodb-7");
    expect(others).toEqual([]);
    expect(server).toMatchObject({
      Image: "public.ecr.aws/docker/library/mongo:7",
      Command: MONGO_DRILL.command,
      Essential: true,
    });
    expect(worker?.Environment).toEqual(
      expect.arrayContaining([
        { Name: "DRILL_HOST", Value: "127.0.0.1" },
        { Name: "DRILL_PORT", Value: "27018" },
      ]),
    );
    expect(containers("demo-drill-mongodb-6")[1]).toMatchObject({
      Image: "public.ecr.aws/docker/library/mongo:6",
    });
  });

  test("nothing calls a task: its security group has no way in", () => {
    const [group, ...others] = propertiesOf(workers, "AWS::EC2::SecurityGroup");
    expect(others).toEqual([]);
    expect(group).not.toHaveProperty("SecurityGroupIngress");
    expect(propertiesOf(workers, "AWS::EC2::SecurityGroupIngress")).toEqual([]);
  });

  test("no NAT gateway and no interface endpoint costs money while nothing runs", () => {
    expect(propertiesOf(workers, "AWS::EC2::NatGateway")).toEqual([]);
    expect(propertiesOf(workers, "AWS::EC2::VPCEndpoint")).toMatchObject([{ VpcEndpointType: "Gateway" }]);
  });
});

describe("roles", () => {
  test("the writer reads manifests, sets and records only, never data", () => {
    const reads = grantsOf("Writer").get("s3:GetObjectVersion") ?? "";
    expect(reads).toContain("/manifests/*");
    expect(reads).not.toContain("/data/*");
  });

  test("the checker and the drill write their own records only and open no source", () => {
    for (const [worker, prefix] of [
      ["Checker", "/verifications/*"],
      ["Drill", "/drills/*"],
    ] as const) {
      const grants = grantsOf(worker);
      expect(grants.get("s3:PutObject")).toContain(prefix);
      expect(grants.get("s3:PutObject")).not.toMatch(/\/(data|manifests|sets)\/\*/);
      expect(grants.has("secretsmanager:GetSecretValue")).toBe(false);
    }
  });

  test("the restorer leaves approvals and cannot read them; the approver can, and reads no backup", () => {
    const restorer = grantsOf("Restorer");
    expect(restorer.get("s3:PutObject")).toContain("/approvals/*");
    expect(restorer.get("s3:GetObject")).not.toContain("/approvals/*");
    // Who could put one would be asked in the place of who was called.
    expect(restorer.get("s3:PutObject")).not.toContain("/escalations/");
    const approver = grantsOf("Approver");
    expect(approver.get("s3:GetObject")).toContain("/approvals/*");
    expect(approver.has("s3:GetObjectVersion")).toBe(false);
    expect(approver.get("s3:PutObject")).toContain("/escalations/*");
    expect(approver.get("s3:PutObject")).not.toContain("/approvals/");
    expect(approver.get("kms:GenerateDataKey")).toContain("OperationsKey");
    expect(JSON.stringify([...approver])).not.toContain("VaultKey");
  });

  test.each([
    ["Writer", ["ecs-tasks", "lambda"]],
    ["Drill", ["ecs-tasks"]],
    ["Approver", ["lambda"]],
  ])("the %s is taken only by what it runs on", (worker, services) => {
    const [id = ""] = Object.keys(workers.Resources).filter((one) => one.startsWith(`Fleet${worker}Role`));
    const trust = JSON.stringify(workers.Resources[id]?.Properties?.AssumeRolePolicyDocument);
    const found = [...trust.matchAll(/"([a-z-]+)\.amazonaws\.com"/g)].map(([, service]) => service);
    expect(found.sort()).toEqual(services);
  });

  test.each(["Writer", "Restorer"])(
    "the %s reads exactly the secrets that the configuration names",
    (worker) => {
      const secrets = grantsOf(worker).get("secretsmanager:GetSecretValue") ?? "";
      expect(secrets.match(/secret:[^"]+/g)).toEqual([
        "secret:demo/host-key-??????",
        "secret:demo/mongodb-??????",
      ]);
    },
  );

  test("a machine calls exactly the functions and tasks that its definition names", () => {
    const statements = statementsOf(templates.runbooks, "ApproveGrants");
    expect(statements.map(({ Action }) => Action)).toEqual(["lambda:InvokeFunction"]);
    expect(JSON.stringify(statements)).toContain("ApproverFunction");
    expect(JSON.stringify(statements)).not.toMatch(/WriterFunction|RestorerFunction|CheckerFunction/);
  });

  test("a machine names task definitions without a revision, which may change under it", () => {
    const [run] = statementsOf(workers, "BackupGrants").filter(({ Action }) => Action === "ecs:RunTask");
    const text = JSON.stringify(run?.Resource);
    expect(text).toContain(':task-definition/demo-writer"');
    expect(text).toContain(":task-definition/demo-writer:*");
    expect(text).toContain(":task-definition/demo-drill-mongodb-7:*");
    expect(text).not.toContain("demo-restorer");
    const ids = Object.keys(workers.Resources).filter(
      (id) => workers.Resources[id]?.Type === "AWS::ECS::TaskDefinition",
    );
    expect(ids).not.toEqual([]);
    for (const id of ids) expect(JSON.stringify(workers.Outputs)).not.toContain(id);
  });

  test("a machine passes roles to ECS only, and runs tasks in the estate's cluster only", () => {
    expect(statementsOf(workers, "BackupGrants")).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          Action: "ecs:RunTask",
          Condition: {
            ArnEquals: { "ecs:cluster": { "Fn::GetAtt": [expect.stringMatching(/^FleetCluster/), "Arn"] } },
          },
        }),
        expect.objectContaining({
          Action: "ecs:TagResource",
          Condition: { StringEquals: { "ecs:CreateAction": "RunTask" } },
        }),
        expect.objectContaining({
          Action: "iam:PassRole",
          Condition: { StringEquals: { "iam:PassedToService": "ecs-tasks.amazonaws.com" } },
        }),
      ]),
    );
  });
});

describe("schedules", () => {
  const schedules = propertiesOf(workers, "AWS::Scheduler::Schedule");
  const byName = Object.fromEntries(schedules.map((one) => [one.Name, one])) as Record<
    string,
    Record<string, unknown>
  >;

  test("there is one for each cadence that has a schedule, in its own zone", () => {
    expect(
      Object.fromEntries(
        schedules.map((one) => [one.Name, [one.ScheduleExpression, one.ScheduleExpressionTimezone]]),
      ),
    ).toEqual({
      "demo-hourly": ["cron(0 * * * ? *)", "UTC"],
      "demo-archive-sample": ["cron(0 7 1 1,4,7,10 ? *)", "Asia/Riyadh"],
      "demo-verify-archive": ["cron(30 6 ? * WED *)", "Asia/Riyadh"],
      "demo-daily": ["cron(30 2 * * ? *)", "Asia/Riyadh"],
      "demo-weekly": ["cron(0 1 ? * SUN *)", "Asia/Riyadh"],
    });
  });

  test("each starts the machine Backup to the minute, says who it is, and keeps what could not start", () => {
    const [machine] = resourcesOf(workers, "AWS::StepFunctions::StateMachine");
    expect(machine?.Properties?.StateMachineName).toBe("demo-backup");
    expect(byName["demo-daily"]).toMatchObject({
      FlexibleTimeWindow: { Mode: "OFF" },
      State: "ENABLED",
      Target: {
        Arn: { Ref: expect.stringMatching(/^Backup/) },
        Input: '{"cadence":"daily","trigger":"schedule demo-daily"}',
        DeadLetterConfig: { Arn: expect.anything() },
        RetryPolicy: { MaximumRetryAttempts: 5, MaximumEventAgeInSeconds: 3600 },
      },
    });
  });

  test("an estate without schedules has none", () => {
    const manual = { retainDays: 14, lockDays: 7, storage: "standard", drill: true } as const;
    const { workers: quiet } = synthesizeEstate(makeEstate({ cadences: { manual } }));
    expect(propertiesOf(quiet, "AWS::Scheduler::Schedule")).toEqual([]);
  });
});

test("every runbook is deployed; it logs errors without execution data, so that no token does, and is traced", () => {
  const machines = [workers, templates.runbooks, templates.standby].flatMap((one) =>
    propertiesOf(one, "AWS::StepFunctions::StateMachine"),
  );
  const deployed = new Set(machines.map(({ StateMachineName }) => StateMachineName));
  expect([...deployed].sort()).toEqual(RUNBOOKS.map(({ name }) => `demo-${name}`).sort());
  for (const machine of machines) {
    expect(machine).toMatchObject({
      StateMachineType: "STANDARD",
      TracingConfiguration: { Enabled: true },
      LoggingConfiguration: { Level: "ERROR", IncludeExecutionData: false },
    });
  }
});
