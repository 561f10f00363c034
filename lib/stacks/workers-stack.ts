import { CfnOutput, Stack } from "aws-cdk-lib";
import type { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import type { DrillServer } from "../../lambda/engine/sources/source.ts";
import { backupMachine } from "../../runbooks/backup.ts";
import type { MachineBindings } from "../../runbooks/bindings.ts";
import type { Bundle } from "../bundle.ts";
import { BackupSchedules } from "../constructs/backup-schedules.ts";
import { Machine } from "../constructs/machine.ts";
import { Slicer } from "../constructs/slicer.ts";
import type { EstateStores } from "../constructs/stores.ts";
import { WorkerFleet } from "../constructs/worker-fleet.ts";
import type { DrillDisk } from "../drill-servers.ts";
import { slicedSourcesOf } from "../sliced-sources.ts";

export interface WorkersStackProps {
  readonly estate: Estate;
  readonly stores: EstateStores;
  readonly bundle: Bundle;
  readonly drillServers: Readonly<Record<string, DrillServer | DrillDisk>>;
}

/** What runbooks and the watch need of the workers, as exported values. */
export interface WorkerExports {
  readonly bindings: MachineBindings;
  readonly taskRoleArns: readonly string[];
  readonly clusterArn: string;
  readonly scheduleDeadLettersName: string;
  /** Undefined in an estate that makes no slices. */
  readonly sliceDeadLettersName?: string;
}

/** The workers, the machine Backup, and the schedules that start it. */
export class WorkersStack extends Stack {
  readonly exports: WorkerExports;

  constructor(scope: Construct, id: string, props: WorkersStackProps) {
    const { estate, stores } = props;
    super(scope, id, {
      stackName: `${estate.name}-workers`,
      description: `Workers and schedules of the backup estate ${estate.name}`,
      env: { region: estate.regions.primary },
    });
    const fleet = new WorkerFleet(this, "Fleet", { ...props, completeRunbook: "complete-disaster-recovery" });
    const machine = new Machine(this, "Backup", {
      machineName: `${estate.name}-backup`,
      description: "Claims a slot, dumps, checks and drills every source, records the set",
      definition: backupMachine(fleet.bindings),
      bindings: fleet.bindings,
      taskRoleArns: fleet.taskRoleArns,
      operationsKeyArn: stores.operationsKeyArn,
    });
    const schedules = new BackupSchedules(this, "Schedules", { estate, machine });
    const slicer = this.addSlicer(props, fleet);
    this.exports = {
      bindings: fleet.bindings,
      taskRoleArns: fleet.taskRoleArns,
      clusterArn: fleet.cluster.clusterArn,
      scheduleDeadLettersName: this.exportValue(schedules.deadLetters.queueName),
      ...(slicer && { sliceDeadLettersName: this.exportValue(slicer.deadLetters.queueName) }),
    };
    new CfnOutput(this, "BackupMachineArn", { value: machine.stateMachineArn });
    new CfnOutput(this, "ClusterArn", { value: fleet.cluster.clusterArn });
  }

  private addSlicer({ estate, stores, bundle }: WorkersStackProps, fleet: WorkerFleet): Slicer | undefined {
    const schedule = estate.cadences.slice?.schedule;
    const sources = slicedSourcesOf(estate);
    if (schedule === undefined || sources.length === 0) return undefined;
    const { handlersFolder } = bundle;
    const { writerRole } = fleet;
    return new Slicer(this, "Slicer", { estate, stores, handlersFolder, writerRole, schedule, sources });
  }
}
