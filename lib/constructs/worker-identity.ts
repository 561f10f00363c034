import { Aws } from "aws-cdk-lib";
import { CompositePrincipal, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import type { Secrecy } from "../secret-sources.ts";
import { attachGrants } from "./grant.ts";
import { roleGrants, type WorkerRole } from "./role-grants.ts";
import type { EstateStores } from "./stores.ts";

export interface WorkerIdentityProps {
  readonly role: WorkerRole;
  readonly estate: Estate;
  readonly stores: EstateStores;
  /** The sources that it works for; all that are ordinary where it is not said. */
  readonly secrecy?: Secrecy;
}

/** The one IAM role of a worker, the same on Lambda and on Fargate. */
export class WorkerIdentity extends Construct {
  readonly role: Role;

  constructor(scope: Construct, id: string, props: WorkerIdentityProps) {
    super(scope, id);
    const role = new Role(this, "Role", {
      description: `The ${props.role}${props.secrecy === "secret" ? " of secrets" : ""} of the backup estate ${props.estate.name}`,
      assumedBy: new CompositePrincipal(...principalsOf(props.role)),
    });
    attachGrants(this, "Grants", role, roleGrants(props.role, props.estate, props.stores, props.secrecy));
    this.role = role;
  }
}

/** A drill needs a server beside it, which a function has not; approver and auditor are never tasks. */
function principalsOf(role: WorkerRole): [ServicePrincipal, ...ServicePrincipal[]] {
  const functions = new ServicePrincipal("lambda.amazonaws.com");
  const tasks = new ServicePrincipal("ecs-tasks.amazonaws.com", {
    conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
  });
  if (role === "drill") return [tasks];
  return role === "approver" || role === "auditor" ? [functions] : [functions, tasks];
}
