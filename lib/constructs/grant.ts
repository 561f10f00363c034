import { Stack, Validations } from "aws-cdk-lib";
import { type IRole, Policy, PolicyStatement } from "aws-cdk-lib/aws-iam";
import { flattenCfnReference } from "cdk-nag/lib/utils/flatten-cfn-reference.js";
import type { Construct } from "constructs";

/** One permission and why it is needed. The reason stands for every wildcard among `resources`. */
export interface Grant {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly why: string;
}

/** Attaches one policy with all `grants` to the role, and acknowledges each wildcard with its grant's reason. */
export function attachGrants(scope: Construct, id: string, role: IRole, grants: readonly Grant[]): Policy {
  const policy = new Policy(scope, id, { statements: grants.map(toStatement) });
  policy.attachToRole(role);
  Validations.of(policy).acknowledge(...acknowledgements(Stack.of(scope), grants));
  return policy;
}

function toStatement(grant: Grant): PolicyStatement {
  return new PolicyStatement({
    actions: [...grant.actions],
    resources: [...grant.resources],
    ...(grant.conditions && { conditions: grant.conditions }),
  });
}

function acknowledgements(stack: Stack, grants: readonly Grant[]) {
  const reasons = new Map<string, string>();
  for (const { resources, why } of grants) {
    for (const resource of resources) {
      const text: string = flattenCfnReference(stack.resolve(resource));
      if (text.includes("*")) reasons.set(`AwsSolutions-IAM5[Resource::${text}]`, why);
    }
  }
  return [...reasons].map(([id, reason]) => ({ id, reason }));
}
