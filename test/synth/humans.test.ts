import { describe, expect, test } from "vitest";
import { waitsOf } from "../../lib/constructs/worker-fleet.ts";
import { makeEstate } from "../support/estate.ts";
import { propertiesOf, statementsOf, synthesizeEstate } from "./synthesize.ts";

const { runbooks } = synthesizeEstate();

describe("the people of an estate", () => {
  const roles = propertiesOf(runbooks, "AWS::IAM::Role").map(({ RoleName }) => RoleName);
  const startedBy = (id: string) =>
    JSON.stringify(
      statementsOf(runbooks, id).filter(({ Action }) => JSON.stringify(Action).includes("Start")),
    );

  test("are an operator and an approver, by names that can be given to people", () => {
    expect(roles).toEqual(
      expect.arrayContaining(["demo-eu-central-1-operator", "demo-eu-central-1-approver"]),
    );
  });

  test("who may start a recovery cannot approve one, and the other way round", () => {
    expect(startedBy("OperatorGrants")).toContain(":stateMachine:demo-recover");
    expect(startedBy("OperatorGrants")).not.toContain("demo-approve");
    expect(startedBy("ApproverGrants")).toContain(":stateMachine:demo-approve");
    expect(startedBy("ApproverGrants")).not.toMatch(/demo-(recover|backup)/);
  });

  test("answer no token themselves and touch no bucket, key or secret", () => {
    for (const id of ["OperatorGrants", "ApproverGrants"])
      expect(JSON.stringify(statementsOf(runbooks, id))).not.toMatch(/SendTask|"(s3|kms|secretsmanager):/);
  });
});

test("of the machines only thaw-archive may start recover, and recover the recovery of everything", () => {
  const starting = propertiesOf(runbooks, "AWS::IAM::Policy").filter(
    (policy) =>
      JSON.stringify(policy).includes("states:StartExecution") &&
      !/^(Operator|Approver)/.test(String(policy.PolicyName)),
  );
  expect(starting.map(({ PolicyName }) => PolicyName).sort()).toEqual([
    expect.stringMatching(/^Recover/),
    expect.stringMatching(/^ThawArchive/),
  ]);
  expect(JSON.stringify(statementsOf(runbooks, "RecoverGrants"))).toMatch(
    /:stateMachine:demo-complete-disaster-recovery"/,
  );
  expect(JSON.stringify(statementsOf(runbooks, "ThawArchiveGrants"))).toMatch(/:stateMachine:demo-recover"/);
});

describe("the machines wait", () => {
  const app = (timeoutSeconds: number) => ({
    stopCommand: "a",
    startCommand: "b",
    health: { url: "http://127.0.0.1/", expectStatus: 200, timeoutSeconds },
  });

  test.each([
    [120, 180],
    [780, 840],
    [3600, 900],
  ])(
    "for a health that may take %i s, %i s, and no longer than a function runs",
    (timeoutSeconds, waited) => {
      expect(waitsOf(makeEstate({ app: app(timeoutSeconds) })).healthSeconds).toBe(waited);
    },
  );

  test("for an approval as long as the configuration says", () => {
    expect(waitsOf(makeEstate({ approval: { recover: true, waitMinutes: 90 } })).approvalSeconds).toBe(5400);
    expect(JSON.stringify(runbooks)).toContain('\\"HeartbeatSeconds\\":3600');
  });
});
