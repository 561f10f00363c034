import { expect, test } from "vitest";
import { withoutRefused } from "../../../rehearsal/aws/assembly.ts";

const bucket = { Type: "AWS::S3::Bucket" };
const flowLog = { Type: "AWS::EC2::FlowLog", Properties: { ResourceId: { Ref: "Vpc" } } };

test("what the local AWS refuses is taken out by name, with what depended on it by order only", () => {
  const { template, leftOut } = withoutRefused("Workers", {
    Resources: {
      Vault: { ...bucket, DependsOn: ["Flow", "Vpc"] },
      Flow: flowLog,
      Vpc: { Type: "AWS::EC2::VPC" },
    },
    Outputs: { FlowId: { Value: { Ref: "Flow" } }, VaultName: { Value: { Ref: "Vault" } } },
  });
  expect(Object.keys(template.Resources)).toEqual(["Vault", "Vpc"]);
  expect(template.Resources.Vault?.DependsOn).toEqual(["Vpc"]);
  expect(Object.keys(template.Outputs ?? {})).toEqual(["VaultName"]);
  expect(leftOut).toEqual([
    {
      stack: "Workers",
      logicalId: "Flow",
      type: "AWS::EC2::FlowLog",
      reason: "the local AWS refuses flow logs",
    },
  ]);
});

test("an alarm on metric math is left out, one on a metric stays", () => {
  const { template } = withoutRefused("Watch", {
    Resources: {
      Math: { Type: "AWS::CloudWatch::Alarm", Properties: { Metrics: [{ Expression: "a/b" }] } },
      Plain: { Type: "AWS::CloudWatch::Alarm", Properties: { MetricName: "Age" } },
    },
  });
  expect(Object.keys(template.Resources)).toEqual(["Plain"]);
});

test.each([
  ["Ref", { Ref: "Flow" }],
  ["Fn::GetAtt", { "Fn::GetAtt": ["Flow", "Id"] }],
  ["Fn::Sub", { "Fn::Join": ["", [{ "Fn::Sub": "flow $" + "{Flow}" }]] }],
])("a resource that needs one that is left out by %s is an error that names both", (_, value) => {
  const resources = { Flow: flowLog, Reader: { Type: "AWS::SSM::Parameter", Properties: { Value: value } } };
  expect(() => withoutRefused("Workers", { Resources: resources })).toThrow(/Reader refers to .*Flow/);
});

test("a template that would hang the deployment is refused", () => {
  const resources = { Cleaner: { Type: "Custom::S3AutoDeleteObjects" } };
  expect(() => withoutRefused("Vault", { Resources: resources })).toThrow("autoDeleteObjects");
});
