import { CfnOutput, Stack } from "aws-cdk-lib";
import type { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { STANDBY_MACHINES } from "../../lambda/engine/model/machines.ts";
import type { DrillServer } from "../../lambda/engine/sources/source.ts";
import type { Bundle } from "../bundle.ts";
import { AccessLogBucket } from "../constructs/access-log-bucket.ts";
import { addAlerts } from "../constructs/alerts.ts";
import { EstateKey } from "../constructs/estate-key.ts";
import { nameEstate } from "../constructs/names.ts";
import { ReplicaDrill } from "../constructs/replica-drill.ts";
import { addRunbooks } from "../constructs/runbooks.ts";
import { StateBucket } from "../constructs/state-bucket.ts";
import type { EstateStores, ReplicaStores } from "../constructs/stores.ts";
import { WorkerFleet } from "../constructs/worker-fleet.ts";
import type { DrillDisk } from "../drill-servers.ts";

export interface StandbyStackProps {
  readonly estate: Estate;
  readonly replica: ReplicaStores;
  readonly bundle: Bundle;
  readonly drillServers: Readonly<Record<string, DrillServer | DrillDisk>>;
}

/**
 * All that a recovery needs when the first Region does not answer, beside the replica vault: workers, state, machines,
 * alerts. It refers to nothing of the first Region, so that it can be deployed without it.
 */
export class StandbyStack extends Stack {
  constructor(scope: Construct, id: string, { estate, replica, bundle, drillServers }: StandbyStackProps) {
    super(scope, id, {
      stackName: `${estate.name}-standby`,
      description: `What recovers the backup estate ${estate.name} when its first Region is lost`,
      env: { region: estate.regions.replica },
    });
    const standby = moveToReplica(estate);
    const stores = { ...replica, ...this.addState(estate) };
    const completeRunbook = "region-loss" as const;
    const common = { estate: standby, stores, bundle, drillServers };
    const fleet = new WorkerFleet(this, "Fleet", { ...common, completeRunbook });
    const { operationsKeyArn } = stores;
    const { bindings, taskRoleArns } = fleet;
    const machines = STANDBY_MACHINES;
    const outputPrefix = "Standby";
    addRunbooks(this, { estate: standby, machines, bindings, taskRoleArns, operationsKeyArn, outputPrefix });
    const { handlersFolder } = bundle;
    const { clusterArn } = fleet.cluster;
    const topic = addAlerts(this, { estate: standby, stores, handlersFolder, clusterArn, machines });
    new ReplicaDrill(this, "Drills", { estate: standby, topic });
    new CfnOutput(this, "StandbyClusterArn", { value: clusterArn });
    new CfnOutput(this, "StandbyStateBucketName", { value: stores.stateBucketName });
    new CfnOutput(this, "StandbyAlertTopicArn", { value: topic.topicArn });
  }

  /** Claims and runs of recoveries begin anew: those of the first Region are lost with it. */
  private addState(estate: Estate): Omit<EstateStores, keyof ReplicaStores> {
    const key = new EstateKey(this, "OperationsKey", {
      names: nameEstate(estate),
      alias: `alias/${estate.name}-standby-operations`,
      description: `Encrypts the operations of ${estate.name} beside its replica`,
    });
    key.allowLogs();
    key.allowAlerts();
    const accessLogs = new AccessLogBucket(this, "AccessLogs");
    const state = new StateBucket(this, "State", { key, accessLogs });
    return {
      stateBucketName: state.bucketName,
      stateBucketArn: state.bucketArn,
      operationsKeyArn: key.keyArn,
    };
  }
}

/** The estate as those see it who live beside the replica: what is its first Region is theirs. */
function moveToReplica(estate: Estate): Estate {
  return { ...estate, regions: { primary: estate.regions.replica, replica: estate.regions.replica } };
}
