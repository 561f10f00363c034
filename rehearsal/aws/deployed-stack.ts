import {
  type CloudFormationClient,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
  GetTemplateCommand,
  ListExportsCommand,
} from "@aws-sdk/client-cloudformation";
import type { Template } from "./assembly.ts";
import type { StackFacts } from "./resolve.ts";

export interface DeployedStack {
  readonly template: Template;
  readonly facts: StackFacts;
  readonly outputs: Readonly<Record<string, string>>;
}

/** What CloudFormation itself says of a stack: its template, its resources, its outputs. */
export async function readDeployedStack(
  stackName: string,
  place: { readonly region: string; readonly account: string },
  cloudFormation: CloudFormationClient,
): Promise<DeployedStack> {
  const StackName = stackName;
  const [{ TemplateBody = "{}" }, { StackResources = [] }, { Stacks = [] }, { Exports = [] }] =
    await Promise.all([
      cloudFormation.send(new GetTemplateCommand({ StackName })),
      cloudFormation.send(new DescribeStackResourcesCommand({ StackName })),
      cloudFormation.send(new DescribeStacksCommand({ StackName })),
      cloudFormation.send(new ListExportsCommand({})),
    ]);
  const resources = StackResources.map(
    ({ LogicalResourceId: id = "", ResourceType: type = "", PhysicalResourceId: physicalId = "" }) =>
      [id, { type, physicalId }] as const,
  );
  const { Outputs = [], Parameters = [] } = Stacks[0] ?? {};
  const record = (pairs: (readonly [string | undefined, string | undefined])[]) =>
    Object.fromEntries(pairs.map(([key = "", value = ""]) => [key, value]));
  return {
    template: JSON.parse(TemplateBody) as Template,
    facts: {
      ...place,
      stackName,
      resources: new Map(resources),
      parameters: record(Parameters.map((it) => [it.ParameterKey, it.ResolvedValue ?? it.ParameterValue])),
      exports: record(Exports.map((it) => [it.Name, it.Value])),
    },
    outputs: record(Outputs.map((it) => [it.OutputKey, it.OutputValue])),
  };
}
