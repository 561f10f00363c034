import type { Deployment } from "../aws/deploy.ts";

type MachineName = "backup" | "recover" | "complete-disaster-recovery" | "escalate" | "thaw-archive";

/** What the deployed stacks say of themselves, by their outputs. */
export interface DeployedEstate {
  readonly vaultBucket: string;
  readonly replicaBucket: string;
  readonly alertTopicArn: string;
  readonly clusterArn: string;
  /** ARNs of those beside the replica. */
  readonly standby: Readonly<Record<"region-loss" | "recover", string>>;
  /** ARNs by the last part of their names. */
  readonly machines: Readonly<Record<MachineName, string>>;
  /** What each schedule tells its machine, by the schedule's name. */
  readonly scheduled: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
}

/** Reads the outputs of every stack of a deployment; throws when one is missing. */
export function readEstate(deployment: Deployment): DeployedEstate {
  const { stacks } = deployment;
  const outputs: Readonly<Record<string, string>> = Object.assign(
    {},
    ...stacks.map((stack) => stack.outputs),
  );
  const need = (name: string) => {
    const value = outputs[name];
    if (value !== undefined) return value;
    throw new Error(`No stack has the output ${name}; there are ${Object.keys(outputs).join(", ")}.`);
  };
  return {
    vaultBucket: need("VaultBucketName"),
    replicaBucket: need("ReplicaBucketName"),
    alertTopicArn: need("AlertTopicArn"),
    clusterArn: need("ClusterArn"),
    standby: {
      "region-loss": need("StandbyRegionLossMachineArn"),
      recover: need("StandbyRecoverMachineArn"),
    },
    machines: {
      backup: need("BackupMachineArn"),
      recover: need("RecoverMachineArn"),
      "complete-disaster-recovery": need("CompleteDisasterRecoveryMachineArn"),
      escalate: need("EscalateMachineArn"),
      "thaw-archive": need("ThawArchiveMachineArn"),
    },
    scheduled: readSchedules(deployment),
  };
}

function readSchedules({ stacks }: Deployment): DeployedEstate["scheduled"] {
  const schedules = stacks
    .flatMap(({ template }) => Object.values(template.Resources))
    .filter(({ Type }) => Type === "AWS::Scheduler::Schedule");
  return new Map(
    schedules.map(({ Properties = {} }) => {
      const { Input } = Properties.Target as { readonly Input: string };
      return [String(Properties.Name), JSON.parse(Input) as Record<string, unknown>];
    }),
  );
}
