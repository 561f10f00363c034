import { describe, expect, test } from "vitest";
import { type DestructiveGrant, findDestructiveGrants } from "./destructive-grants.ts";
import {
  type CloudFormationTemplate,
  STACKS,
  statementsOf,
  synthesizeEstate,
  type Templates,
} from "./synthesize.ts";

let made: Templates | undefined;
const templates = () => {
  made ??= synthesizeEstate();
  return made;
};

describe("no role but the key admin has a destructive action", () => {
  test.each(STACKS)("in the stack %s", (name) => {
    const others = findDestructiveGrants(templates()[name]).filter(
      (grant) => !isKeyAdmin(grant) && !isAccountDelegation(grant),
    );
    expect(others).toEqual([]);
  });

  test("while the key admin has them, so that somebody can", () => {
    const actions = findDestructiveGrants(templates().vault).filter(isKeyAdmin);
    expect(actions.map((grant) => grant.action)).toEqual(
      expect.arrayContaining([
        "s3:DeleteObjectVersion",
        "s3:BypassGovernanceRetention",
        "kms:ScheduleKeyDeletion",
      ]),
    );
  });
});

test("the key admin reaches both vaults and both of their keys: the denials spare nobody else", () => {
  const admin = statementsOf(templates().vault, "KeyAdminPolicy");
  const ends = admin.filter(({ Action }) => [Action].flat().includes("s3:DeleteObjectVersion"));
  expect(JSON.stringify(ends)).toMatch(/":s3:::demo-replica-"/);
  const keys = admin.filter(({ Action }) => [Action].flat().includes("kms:ScheduleKeyDeletion"));
  expect(keys).toHaveLength(2);
  expect(keys[1]?.Condition).toEqual({
    "ForAnyValue:StringEquals": { "kms:ResourceAliases": "alias/demo-replica" },
  });
  expect(JSON.stringify(keys[1]?.Resource)).toContain(":kms:eu-west-1:");
});

describe("the checker finds what is planted", () => {
  const document = (statement: object) => ({ Statement: [statement] });

  test.each([
    ["a policy by name", "AWS::IAM::Policy", { PolicyDocument: document(allow("s3:DeleteObjectVersion")) }],
    ["a policy by a wildcard", "AWS::IAM::Policy", { PolicyDocument: document(allow("s3:Del*")) }],
    ["a policy in other letters", "AWS::IAM::Policy", { PolicyDocument: document(allow("S3:deleteobject")) }],
    ["a policy that allows everything", "AWS::IAM::Policy", { PolicyDocument: document(allow("*")) }],
    [
      "a policy that allows all but a few",
      "AWS::IAM::Policy",
      { PolicyDocument: document({ Effect: "Allow", NotAction: "iam:*", Resource: "*" }) },
    ],
    [
      "a role's inline policy",
      "AWS::IAM::Role",
      { Policies: [{ PolicyDocument: document(allow("kms:ScheduleKeyDeletion")) }] },
    ],
    ["a bucket policy", "AWS::S3::BucketPolicy", { PolicyDocument: document(allow("s3:ReplicateDelete")) }],
    [
      "a single statement that is no list",
      "AWS::IAM::Policy",
      { PolicyDocument: { Statement: allow("s3:PutLifecycleConfiguration") } },
    ],
  ])("in %s", (_where, Type, Properties) => {
    expect(findDestructiveGrants(plant({ Type, Properties }))).not.toEqual([]);
  });

  test.each([
    ["a denial", { Effect: "Deny", Action: "s3:*", Resource: "*" }],
    ["a harmless grant", allow("s3:GetObject*")],
  ])("and leaves %s alone", (_what, statement) => {
    const planted = plant({ Type: "AWS::IAM::Policy", Properties: { PolicyDocument: document(statement) } });
    expect(findDestructiveGrants(planted)).toEqual([]);
  });

  test("also in a template of the estate", () => {
    const Properties = { PolicyDocument: document(allow("s3:DeleteObject")) };
    const Resources = { ...templates().workers.Resources, Planted: { Type: "AWS::IAM::Policy", Properties } };
    expect(findDestructiveGrants({ Resources })).toMatchObject([
      { logicalId: "Planted", action: "s3:DeleteObject" },
    ]);
  });
});

function allow(action: string) {
  return { Effect: "Allow", Action: action, Resource: "*" };
}

function plant(resource: CloudFormationTemplate["Resources"][string]): CloudFormationTemplate {
  return { Resources: { Planted: resource } };
}

function isKeyAdmin(grant: DestructiveGrant): boolean {
  return grant.logicalId.startsWith("KeyAdminPolicy");
}

/** The first statement of every key: it lets IAM policies of the account decide, without it a key can be lost. */
function isAccountDelegation(grant: DestructiveGrant): boolean {
  const { Action, Principal } = grant.statement as { Action: unknown; Principal: { AWS?: unknown } };
  return Action === "kms:*" && JSON.stringify(Principal?.AWS ?? "").endsWith(':root"]]}');
}
