import { Stack, Validations } from "aws-cdk-lib";
import {
  ContainerDependencyCondition,
  ContainerImage,
  CpuArchitecture,
  FargateTaskDefinition,
  LogDriver,
  OperatingSystemFamily,
} from "aws-cdk-lib/aws-ecs";
import type { IRole, Role } from "aws-cdk-lib/aws-iam";
import type { ILogGroup } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { WORKER_NODE_FLAGS } from "../../lambda/engine/model/worker-flags.ts";
import type { DrillDisk } from "../drill-servers.ts";
import { WORKER_BOOTSTRAP } from "./bootstrap.ts";
import { EstateLogs } from "./estate-logs.ts";
import { workerEnvironment } from "./lambda-worker.ts";
import type { WorkerRole } from "./role-grants.ts";
import type { EstateStores } from "./stores.ts";
import type { WorkerBundleAsset } from "./worker-bundle-asset.ts";

/** Node 24 and the AWS SDK without a build of our own. */
const WORKER_IMAGE = "public.ecr.aws/lambda/nodejs:24";
/** Runbooks put JOB_REQUEST into the container of this name. */
export const WORKER_CONTAINER = "worker";

/** A server beside the worker in the same task, gone with it. */
export interface Sidecar {
  readonly image: string;
  readonly port: number;
  readonly command: readonly string[];
}

/** What a drill restores into: a server, or a folder on the task's disk. */
export type DrillPlace = Sidecar | Pick<DrillDisk, "diskGiB">;

export interface FargateWorkerProps {
  readonly family: string;
  readonly estate: Estate;
  readonly stores: EstateStores;
  readonly worker: WorkerRole;
  readonly role: Role;
  readonly executionRole: IRole;
  readonly bundle: WorkerBundleAsset;
  readonly drill?: DrillPlace;
}

const PLAIN = { cpu: 1024, memoryLimitMiB: 2048 } as const;
const WITH_SERVER = { cpu: 2048, memoryLimitMiB: 8192, ephemeralStorageGiB: 100 } as const;

/** The task definition of one role: the worker bundle on a stock image, with a drill server beside it or none. */
export class FargateWorker extends FargateTaskDefinition {
  /**
   * Without a revision: ECS takes the newest. A revision changes with every release, which CloudFormation refuses
   * for a value that another stack imports, and an execution that began before would ask for one that is gone.
   */
  readonly familyArn: string;

  constructor(scope: Construct, id: string, props: FargateWorkerProps) {
    super(scope, id, {
      ...sizeOf(props.drill),
      family: props.family,
      runtimePlatform: {
        cpuArchitecture: CpuArchitecture.ARM64,
        operatingSystemFamily: OperatingSystemFamily.LINUX,
      },
      taskRole: props.role.withoutPolicyUpdates(),
      executionRole: props.executionRole,
    });
    this.familyArn = Stack.of(this).formatArn({
      service: "ecs",
      resource: "task-definition",
      resourceName: props.family,
    });
    const { group } = new EstateLogs(this, "Logs", props.stores.operationsKeyArn);
    const worker = addWorkerContainer(this, props, group);
    if (props.drill !== undefined && "image" in props.drill) {
      const server = addDrillServer(this, props.drill, group);
      worker.addContainerDependencies({ container: server, condition: ContainerDependencyCondition.START });
    }
    Validations.of(this).acknowledge({
      id: "AwsSolutions-ECS2",
      reason: "The variables are names of buckets and digests; secrets are read by the worker by their ARN.",
    });
  }
}

function sizeOf(drill: DrillPlace | undefined) {
  if (drill === undefined) return PLAIN;
  return "image" in drill ? WITH_SERVER : { ...PLAIN, ephemeralStorageGiB: drill.diskGiB };
}

function addWorkerContainer(task: FargateWorker, props: FargateWorkerProps, logGroup: ILogGroup) {
  return task.addContainer("Worker", {
    containerName: WORKER_CONTAINER,
    image: ContainerImage.fromRegistry(WORKER_IMAGE),
    entryPoint: ["node", ...WORKER_NODE_FLAGS, "-e", WORKER_BOOTSTRAP],
    command: [],
    environment: taskEnvironment(props),
    logging: LogDriver.awsLogs({ logGroup, streamPrefix: WORKER_CONTAINER }),
  });
}

function addDrillServer(task: FargateWorker, sidecar: Sidecar, logGroup: ILogGroup) {
  return task.addContainer("DrillServer", {
    containerName: "drill-server",
    image: ContainerImage.fromRegistry(sidecar.image),
    command: [...sidecar.command],
    portMappings: [{ containerPort: sidecar.port }],
    logging: LogDriver.awsLogs({ logGroup, streamPrefix: "drill-server" }),
  });
}

function taskEnvironment(props: FargateWorkerProps): Record<string, string> {
  return {
    ...drillEnvironment(props.drill),
    ...workerEnvironment(props.estate, props.stores),
    // Lambda sets it by itself; the SDK asks for nothing else.
    AWS_REGION: props.estate.regions.primary,
    WORKER_ROLE: props.worker,
    BUNDLE_BUCKET: props.bundle.bucketName,
    BUNDLE_KEY: props.bundle.key,
    BUNDLE_SHA256: props.bundle.sha256,
  };
}

function drillEnvironment(drill: DrillPlace | undefined): Record<string, string> {
  if (drill === undefined) return {};
  return "image" in drill
    ? { DRILL_HOST: "127.0.0.1", DRILL_PORT: String(drill.port) }
    : { DRILL_FOLDER: "/tmp" };
}
