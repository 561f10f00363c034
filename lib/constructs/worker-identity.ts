import { Aws } from "aws-cdk-lib";
import { CompositePrincipal, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { attachGrants } from "./grant.ts";
import { roleGrants, type WorkerRole } from "./role-grants.ts";
import type { EstateStores } from "./stores.ts";

export interface WorkerIdentityProps {
  readonly role: WorkerRole;
  readonly estate: Estate;
  readonly stores: EstateStores;
}

/** The one IAM role of a worker, the same on Lambda and on Fargate. */
export class WorkerIdentity extends Construct {
  readonly role: Role;

  constructor(scope: Construct, id: string, props: WorkerIdentityProps) {
    super(scope, id);
    const role = new Role(this, "Role", {
      description: `The ${props.role} of the backup estate ${props.estate.name}`,
      assumedBy: new CompositePrincipal(
        new ServicePrincipal("lambda.amazonaws.com"),
        new ServicePrincipal("ecs-tasks.amazonaws.com", {
          conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
        }),
      ),
    });
    attachGrants(this, "Grants", role, roleGrants(props.role, props.estate, props.stores));
    this.role = role;
  }
}
