import { Aws } from "aws-cdk-lib";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { ScheduleGroup } from "aws-cdk-lib/aws-scheduler";
import type { Construct } from "constructs";

export interface OwnGroupProps {
  readonly groupName: string;
  /** Construct id of the role: what is deployed keeps it. */
  readonly roleId: string;
  /** What the schedules do with the role. */
  readonly description: string;
}

/** Adds a group of schedules, and the role that the scheduler takes on for this group alone, to a construct. */
export function addScheduleGroup(
  scope: Construct,
  { groupName, roleId, description }: OwnGroupProps,
): { readonly group: ScheduleGroup; readonly role: Role } {
  const group = new ScheduleGroup(scope, "Group", { scheduleGroupName: groupName });
  const role = new Role(scope, roleId, {
    description,
    assumedBy: new ServicePrincipal("scheduler.amazonaws.com", {
      conditions: {
        StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID, "aws:SourceArn": group.scheduleGroupArn },
      },
    }),
  });
  return { group, role };
}
