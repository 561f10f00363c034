import { describe, expect, test } from "vitest";
import { STANDBY_MACHINES } from "../../lambda/engine/model/machines.ts";
import { makeEstate } from "../support/estate.ts";
import { propertiesOf, statementsOf, synthesizeEstate } from "./synthesize.ts";

const config = { kind: "config", compute: "fargate" as const, config: { paths: ["/srv/.env"] } };
const estate = makeEstate({ sources: { ...makeEstate().sources, settings: config } });
const { standby, replica } = synthesizeEstate(estate);
const text = JSON.stringify(standby);

describe("what recovers the estate when its first Region is lost", () => {
  test("names nothing of that Region: no ARN, no variable, no value of a stack that lies there", () => {
    expect(estate.regions).toEqual({ primary: "eu-central-1", replica: "eu-west-1" });
    // IAM is of no Region; the name of that role has one in it.
    expect(text.replaceAll("role/demo-eu-central-1-key-admin", "")).not.toMatch(/eu-central-1/);
    const imported = [...text.matchAll(/"Fn::ImportValue":"([^"]+)"/g)].map(([, name]) => name);
    expect(imported.length).toBeGreaterThan(0);
    for (const name of imported) expect(name).toMatch(/^demo-replica:/);
  });

  test("has the machines for it, and no other", () => {
    const names = propertiesOf(standby, "AWS::StepFunctions::StateMachine").map(
      ({ StateMachineName }) => StateMachineName,
    );
    expect(names.sort()).toEqual(STANDBY_MACHINES.map((name) => `demo-${name}`).sort());
  });

  test("hands the recovery of everything over to region-loss", () => {
    const grants = JSON.stringify(statementsOf(standby, "RecoverGrants"));
    expect(grants).toContain(":stateMachine:demo-region-loss");
    expect(grants).not.toContain("complete-disaster-recovery");
  });

  test("reads the replica vault with the replica's keys, secrets with the one for them", () => {
    const variables = propertiesOf(standby, "AWS::Lambda::Function").map((one) => JSON.stringify(one));
    const restorers = variables.filter((one) => one.includes("index.restorer"));
    expect(restorers).toHaveLength(2);
    for (const one of restorers) {
      expect(one).toMatch(/"VAULT_BUCKET":\{"Fn::ImportValue":"[^"]*ReplicaVault/);
      expect(one).toMatch(/"SECRET_KEY_ARN":\{"Fn::ImportValue":"[^"]*ReplicaSecretKey/);
    }
    const keys = JSON.stringify(statementsOf(standby, "FleetRestorerGrants"));
    expect(keys).toMatch(/ReplicaKey/);
    expect(keys).not.toMatch(/ReplicaSecretKey/);
    expect(JSON.stringify(statementsOf(standby, "FleetSecretRestorerGrants"))).toMatch(/ReplicaSecretKey/);
  });

  test("keeps claims and runs in a bucket of its own, which is encrypted and versioned", () => {
    const states = propertiesOf(standby, "AWS::S3::Bucket").filter((one) => "VersioningConfiguration" in one);
    expect(states).toMatchObject([
      {
        VersioningConfiguration: { Status: "Enabled" },
        BucketEncryption: expect.anything(),
        PublicAccessBlockConfiguration: { BlockPublicAcls: true },
      },
    ]);
  });

  test("has no schedule but the drill of the replica's backups", () => {
    expect(propertiesOf(standby, "AWS::Scheduler::Schedule")).toMatchObject([
      { Name: "demo-replica-drill", ScheduleExpression: "cron(0 12 ? * SAT *)" },
    ]);
  });

  test("tells every receiver of its failures itself", () => {
    expect(propertiesOf(standby, "AWS::SNS::Subscription")).toMatchObject([
      { Protocol: "email", Endpoint: "operator@example.com" },
    ]);
  });

  test("a secret that is named by its ARN is read from the copy in this Region", () => {
    const arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:erp/host-a1b2c3";
    const host = { ...makeEstate().host, keySecret: arn };
    const moved = JSON.stringify(statementsOf(synthesizeEstate(makeEstate({ host })).standby, "Fleet"));
    expect(moved).toContain(arn.replace("eu-central-1", "eu-west-1"));
    expect(moved).not.toContain(arn);
  });
});

test("the replica's stack gives away names and ARNs only", () => {
  expect(Object.keys(replica.Outputs ?? {}).length).toBeGreaterThan(3);
});
