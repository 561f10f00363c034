import type { Level } from "../lambda/engine/model/escalation.ts";

/** The runbooks that bring everything back: from the vault, or from its replica where the first Region is lost. */
export type WholeRunbook = "complete-disaster-recovery" | "region-loss";

/** Ends of the wires between the machines and what a deployment made. Every ARN is placed in the JSON as it is. */
export interface MachineBindings {
  /** ARNs of the functions, one a role. */
  readonly functions: {
    readonly writer: string;
    readonly checker: string;
    readonly restorer: string;
    readonly approver: string;
  };
  readonly tasks: TaskBindings;
  /** Workers of the same roles for sources that hold secrets; missing where the estate has none. */
  readonly secret?: SecretBindings;
  /** The machine `Recover`, which another runbook hands over to. */
  readonly recoverMachineArn: string;
  /** The machine `Drill`, which proves a sample that was thawed. */
  readonly drillMachineArn: string;
  /** The machine to which `Recover` hands over when everything is asked for. */
  readonly completeMachineArn: string;
  /** Its name: `region-loss` beside the replica vault. */
  readonly completeRunbook: WholeRunbook;
  readonly waits: MachineWaits;
}

/** ARNs of functions and task definitions that alone may use the key for secrets. */
export interface SecretBindings {
  readonly functions: Pick<MachineBindings["functions"], keyof TaskBindings["definitions"]>;
  readonly definitions: TaskBindings["definitions"];
}

/** Where Fargate tasks run, and which task definition serves which role. */
export interface TaskBindings {
  readonly clusterArn: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupId: string;
  /** `ENABLED` in the estate's own public subnets; `DISABLED` in private subnets with a way out. */
  readonly assignPublicIp: "ENABLED" | "DISABLED";
  /** Name of the container that reads `JOB_REQUEST`, the same in every task definition. */
  readonly containerName: "worker";
  readonly definitions: { readonly writer: string; readonly checker: string; readonly restorer: string };
  /** Source name → major version of its server → task definition with that server as a sidecar. */
  readonly drill: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** How long the machines wait, in whole seconds. Each is the limit of one attempt. */
export interface MachineWaits {
  /** Claim, record, plan, report, approve: functions that answer by their return value. */
  readonly controlSeconds: number;
  /** The host's own commands that stop and start the app. */
  readonly hostCommandSeconds: number;
  /** Until a host that has just been ordered answers. */
  readonly hostReachSeconds: number;
  /** Until databases that were just started answer. */
  readonly servicesSeconds: number;
  /** The app's way from started to healthy. */
  readonly healthSeconds: number;
  readonly dumpSeconds: number;
  readonly checkSeconds: number;
  readonly drillSeconds: number;
  readonly restoreSeconds: number;
  readonly compareSeconds: number;
  /** How long an operator's answer is waited for; from `approval.waitMinutes` of the estate. */
  readonly approvalSeconds: number;
  /** How long the event of a thawed object is waited for before somebody looks. */
  readonly thawLookSeconds: number;
  /** How long each level of the contacts has to answer; from `escalation` of the estate. */
  readonly escalationSeconds: Readonly<Record<Level, number>>;
  /** Silence after which a worker counts as dead; never more than a fifth of the wait it belongs to. */
  readonly heartbeatSeconds: number;
}

/**
 * Waits of an estate that says nothing else. The heartbeat has to outlast the start of a Fargate task (its
 * image is pulled first); a work step has hours because a wrong limit ends a good backup, a dead worker is
 * seen by its heartbeat long before.
 */
export const DEFAULT_WAITS: MachineWaits = {
  controlSeconds: 120,
  hostCommandSeconds: 300,
  hostReachSeconds: 900,
  servicesSeconds: 660,
  healthSeconds: 600,
  dumpSeconds: 4 * 3600,
  checkSeconds: 2 * 3600,
  drillSeconds: 4 * 3600,
  restoreSeconds: 4 * 3600,
  compareSeconds: 2 * 3600,
  approvalSeconds: 3600,
  thawLookSeconds: 1800,
  escalationSeconds: { L1: 900, L2: 900, L3: 1800 },
  heartbeatSeconds: 300,
};

/** Longest run of a Lambda function, in seconds. Source: quotas of AWS Lambda, "Function timeout". */
export const LAMBDA_LIMIT_SECONDS = 900;
