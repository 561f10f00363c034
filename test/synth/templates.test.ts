import type { Validations } from "aws-cdk-lib";
import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import { Bucket } from "aws-cdk-lib/aws-s3";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../lambda/engine/model/errors.ts";
import { makeEstate } from "../support/estate.ts";
import { makeStacks, STACKS, synthesizeEstate } from "./synthesize.ts";

const templates = synthesizeEstate();

describe.each(STACKS)("the stack %s", (name) => {
  test("has the resources that it had", () => {
    const listed = Object.entries(templates[name].Resources).map(([id, { Type }]) => `${Type} ${id}`);
    expect(listed.sort()).toMatchSnapshot();
  });

  test("has no custom resource: a deploy runs no code but the estate's", () => {
    const types = Object.values(templates[name].Resources).map(({ Type }) => Type);
    expect(types.filter((type) => type.startsWith("Custom::") || type.includes("CustomResource"))).toEqual(
      [],
    );
  });

  test("holds no secret, and nothing that looks like one", () => {
    const text = JSON.stringify(templates[name]);
    expect(text).not.toMatch(/-----BEGIN|AKIA[0-9A-Z]{16}|"[^"]*(password|passphrase|token)[^"]*":"[^"]+"/i);
    expect(text).not.toContain("resolve:secretsmanager");
  });

  test("encrypts and ends every log group", () => {
    for (const { Type, Properties } of Object.values(templates[name].Resources)) {
      if (Type !== "AWS::Logs::LogGroup") continue;
      expect(Properties).toMatchObject({ KmsKeyId: expect.anything(), RetentionInDays: 90 });
    }
  });

  test("rotates every key, which survives it", () => {
    for (const { Type, Properties, DeletionPolicy } of Object.values(templates[name].Resources)) {
      if (Type !== "AWS::KMS::Key") continue;
      expect(Properties).toMatchObject({ EnableKeyRotation: true });
      expect(DeletionPolicy).toBe("RetainExceptOnCreate");
    }
  });
});

test("the same configuration gives the same templates", () => {
  expect(synthesizeEstate()).toEqual(templates);
});

test("the stacks tell their names by outputs", () => {
  const names = STACKS.flatMap((name) => Object.keys(templates[name].Outputs ?? {}));
  expect(names).toEqual(
    expect.arrayContaining([
      "VaultBucketName",
      "StateBucketName",
      "ReplicaBucketName",
      "AlertTopicArn",
      "ClusterArn",
      "BackupMachineArn",
      "RecoverMachineArn",
      "ApproveMachineArn",
    ]),
  );
});

describe("the rules", () => {
  test("of cdk-nag are in force: an unacknowledged bucket fails the synthesis", () => {
    const { app, stacks } = makeStacks();
    new Bucket(stacks.vault, "Planted");
    expect(() => app.synth()).toThrow(/AwsSolutions-S1[\s\S]*Planted|Planted[\s\S]*AwsSolutions-S1/);
  });

  test("let no wildcard pass that carries no reason", () => {
    const { app, stacks } = makeStacks();
    const role = stacks.watch.node.findChild("Publisher").node.findChild("Role");
    (role as unknown as { addToPolicy(statement: PolicyStatement): void }).addToPolicy(
      new PolicyStatement({ actions: ["s3:GetObject"], resources: ["*"] }),
    );
    expect(() => app.synth()).toThrow(/AwsSolutions-IAM5/);
  });

  test("are acknowledged with a reason each", () => {
    const { stacks } = makeStacks();
    const acknowledged = Object.values(stacks).flatMap((stack) =>
      stack.node.findAll().flatMap((construct) => Object.entries(acknowledgements(construct))),
    );
    expect(acknowledged.length).toBeGreaterThan(20);
    for (const [, reason] of acknowledged) expect(reason.length).toBeGreaterThan(20);
  });
});

function acknowledgements(construct: Parameters<typeof Validations.of>[0]): Record<string, string> {
  const entries = construct.node.metadata.filter(({ type }) => type.includes("acknowledg"));
  return Object.assign({}, ...entries.map(({ data }) => data as Record<string, string>));
}

test("a name that makes the replica bucket's name too long is refused with the length to save", () => {
  const estate = makeEstate({
    name: "a-very-long-name-of-an-estate-x",
    regions: { primary: "eu-central-1", replica: "ap-southeast-1" },
  });
  expect(() => makeStacks(estate)).toThrow(ConfigError);
  expect(() => makeStacks(estate)).toThrow(/Shorten name by 4/);
});

test("a name of the longest length that fits is taken", () => {
  const estate = makeEstate({
    name: "a-long-name-of-an-estate-xx",
    regions: { primary: "eu-central-1", replica: "ap-southeast-1" },
  });
  expect(() => makeStacks(estate)).not.toThrow();
});
