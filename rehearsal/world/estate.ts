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
}

/** Reads the outputs of every stack of a deployment; throws when one is missing. */
export function readEstate({ stacks }: Deployment): DeployedEstate {
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
  };
}
