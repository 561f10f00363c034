import { expect, test } from "vitest";
import { resolve, type StackFacts } from "../../../rehearsal/aws/resolve.ts";

const facts: StackFacts = {
  region: "eu-west-1",
  account: "000000000000",
  stackName: "estate-vault",
  resources: new Map([
    ["Vault", { type: "AWS::S3::Bucket", physicalId: "the-vault" }],
    ["Key", { type: "AWS::KMS::Key", physicalId: "1234" }],
    ["Queue", { type: "AWS::SQS::Queue", physicalId: "http://queue" }],
  ]),
  parameters: { Bootstrap: "/cdk-bootstrap/version" },
  exports: { "other:Arn": "arn:of:other" },
};

test.each([
  [{ Ref: "Vault" }, "the-vault"],
  [{ Ref: "Bootstrap" }, "/cdk-bootstrap/version"],
  [{ Ref: "AWS::AccountId" }, "000000000000"],
  [{ "Fn::GetAtt": ["Vault", "Arn"] }, "arn:aws:s3:::the-vault"],
  [{ "Fn::GetAtt": "Key.Arn" }, "arn:aws:kms:eu-west-1:000000000000:key/1234"],
  [{ "Fn::Join": ["/", [{ Ref: "Vault" }, "*"]] }, "the-vault/*"],
  [{ "Fn::Select": [1, { "Fn::Split": [":", "a:b"] }] }, "b"],
  [{ "Fn::ImportValue": "other:Arn" }, "arn:of:other"],
  [
    { "Fn::Sub": "arn:$" + "{AWS::Partition}:$" + "{Key.Arn}" },
    "arn:aws:arn:aws:kms:eu-west-1:000000000000:key/1234",
  ],
  [{ Rules: [{ Id: 1, Name: { Ref: "Vault" } }] }, { Rules: [{ Id: 1, Name: "the-vault" }] }],
])("%j of a template is what the deployed stack made of it", (value, expected) => {
  expect(resolve(value, facts)).toEqual(expected);
});

test.each([
  [{ Ref: "Nobody" }, "nothing called Nobody"],
  [{ "Fn::GetAtt": ["Queue", "Arn"] }, "Arn of Queue (AWS::SQS::Queue) is not played"],
  [{ "Fn::Cidr": ["10.0.0.0/16", 2, 8] }, "Fn::Cidr is not played"],
])("%j is refused: a setting made from a guess would hide a fault", (value, message) => {
  expect(() => resolve(value, facts)).toThrow(message);
});
