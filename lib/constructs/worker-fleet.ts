import { Aws, Validations } from "aws-cdk-lib";
import { Cluster } from "aws-cdk-lib/aws-ecs";
import { type IRole, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Construct } from "constructs";
import { invariant } from "../../lambda/engine/model/errors.ts";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import type { DrillServer } from "../../lambda/engine/sources/source.ts";
import {
  DEFAULT_WAITS,
  LAMBDA_LIMIT_SECONDS,
  type MachineBindings,
  type MachineWaits,
  type SecretBindings,
  type WholeRunbook,
} from "../../runbooks/bindings.ts";
import type { Bundle } from "../bundle.ts";
import type { DrillDisk } from "../drill-servers.ts";
import { secretSourcesOf } from "../secret-sources.ts";
import { type DrillPlace, FargateWorker, WORKER_CONTAINER } from "./fargate-worker.ts";
import { attachGrants } from "./grant.ts";
import { LambdaWorker } from "./lambda-worker.ts";
import { alertTopicArn, machineArn } from "./names.ts";
import type { WorkerRole as AnyRole } from "./role-grants.ts";
import type { EstateStores } from "./stores.ts";
import { WorkerBundleAsset } from "./worker-bundle-asset.ts";
import { WorkerIdentity } from "./worker-identity.ts";
import { WorkerNetwork } from "./worker-network.ts";

/** The auditor belongs to the watch. */
type WorkerRole = Exclude<AnyRole, "auditor">;

export interface WorkerFleetProps {
  readonly estate: Estate;
  readonly stores: EstateStores;
  readonly bundle: Bundle;
  /** The server that proves a source's backups, by the source's name in the estate; none for a source without a drill. */
  readonly drillServers: Readonly<Record<string, DrillServer | DrillDisk>>;
  /** The machine beside these workers that brings everything back. */
  readonly completeRunbook: WholeRunbook;
}

/** Roles of sources that hold secrets. */
type SecretRoles = Readonly<Record<"writer" | "checker" | "drill" | "restorer", Role>>;

interface TaskNames {
  readonly worker: WorkerRole;
  readonly id: string;
  readonly family: string;
  readonly drill?: DrillPlace;
}

/** Docker's official images in Amazon's registry: Docker's own refuses unnamed pulls beyond a limit an address. */
const OFFICIAL_IMAGES = "public.ecr.aws/docker/library";

/** Every worker of the estate: a function and a task definition per role, a drill task per source and major version. */
export class WorkerFleet extends Construct {
  readonly bindings: MachineBindings;
  readonly cluster: Cluster;
  readonly taskRoleArns: readonly string[];
  readonly writerRole: Role;
  private readonly props: WorkerFleetProps;

  constructor(scope: Construct, id: string, props: WorkerFleetProps) {
    super(scope, id);
    this.props = props;
    const network = new WorkerNetwork(this, "Network", props.stores.operationsKeyArn);
    this.cluster = this.addCluster(network);
    const roles = this.addRoles();
    const secretRoles = this.addSecretRoles();
    this.writerRole = roles.writer;
    const { secretDefinitions, ...tasks } = this.addTasks(roles, secretRoles);
    this.bindings = {
      functions: this.addFunctions(roles),
      ...(secretRoles &&
        secretDefinitions && {
          secret: { functions: this.addSecretFunctions(secretRoles), definitions: secretDefinitions },
        }),
      tasks: {
        ...tasks.arns,
        clusterArn: this.cluster.clusterArn,
        subnetIds: network.subnetIds,
        securityGroupId: network.securityGroup.securityGroupId,
        assignPublicIp: "ENABLED",
        containerName: WORKER_CONTAINER,
      },
      recoverMachineArn: machineArn(props.estate, "recover"),
      drillMachineArn: machineArn(props.estate, "drill"),
      completeMachineArn: machineArn(props.estate, props.completeRunbook),
      completeRunbook: props.completeRunbook,
      waits: waitsOf(props.estate),
    };
    this.taskRoleArns = tasks.roleArns;
  }

  private addCluster(network: WorkerNetwork): Cluster {
    const cluster = new Cluster(this, "Cluster", { clusterName: this.props.estate.name, vpc: network.vpc });
    Validations.of(cluster).acknowledge({
      id: "AwsSolutions-ECS4",
      reason: "Tasks live for minutes and answer by token; Container Insights would cost more than they do.",
    });
    return cluster;
  }

  private addRoles(): Record<WorkerRole, Role> {
    const { estate, stores } = this.props;
    const add = (role: WorkerRole, id: string) => new WorkerIdentity(this, id, { role, estate, stores }).role;
    return {
      writer: add("writer", "Writer"),
      checker: add("checker", "Checker"),
      drill: add("drill", "Drill"),
      restorer: add("restorer", "Restorer"),
      approver: add("approver", "Approver"),
    };
  }

  /** Roles that alone may use the key for secrets; none where there are none. */
  private addSecretRoles(): SecretRoles | undefined {
    const { estate, stores } = this.props;
    if (secretSourcesOf(estate).length === 0) return undefined;
    const add = (role: keyof SecretRoles, id: string) =>
      new WorkerIdentity(this, id, { role, estate, stores, secrecy: "secret" }).role;
    return {
      writer: add("writer", "SecretWriter"),
      checker: add("checker", "SecretChecker"),
      drill: add("drill", "SecretDrill"),
      restorer: add("restorer", "SecretRestorer"),
    };
  }

  private addFunctions(roles: Record<WorkerRole, Role>): MachineBindings["functions"] {
    const { estate } = this.props;
    const add = (entry: Exclude<WorkerRole, "drill">, id: string, size: "long" | "short") =>
      new LambdaWorker(this, id, {
        ...this.functionOf(entry, roles[entry]),
        size,
        environment: entry === "approver" ? { ALERT_TOPIC_ARN: alertTopicArn(estate) } : {},
      }).functionArn;
    return {
      writer: add("writer", "WriterFunction", "long"),
      checker: add("checker", "CheckerFunction", "long"),
      restorer: add("restorer", "RestorerFunction", "long"),
      approver: add("approver", "ApproverFunction", "short"),
    };
  }

  private addSecretFunctions(roles: SecretRoles): SecretBindings["functions"] {
    const add = (entry: Exclude<keyof SecretRoles, "drill">, id: string) =>
      new LambdaWorker(this, id, {
        ...this.functionOf(entry, roles[entry]),
        size: "long",
        secrecy: "secret",
      }).functionArn;
    return {
      writer: add("writer", "SecretWriterFunction"),
      checker: add("checker", "SecretCheckerFunction"),
      restorer: add("restorer", "SecretRestorerFunction"),
    };
  }

  private functionOf(entry: string, role: Role) {
    const { estate, stores, bundle } = this.props;
    return { entry, role, estate, stores, handlersFolder: bundle.handlersFolder };
  }

  private addTasks(roles: Record<WorkerRole, Role>, secretRoles: SecretRoles | undefined) {
    const bundle = new WorkerBundleAsset(this, "Bundle", this.props.bundle.workerFile);
    const executionRole = this.addExecutionRole();
    const addFor = (from: Partial<Record<WorkerRole, Role>>, named: TaskNames) => {
      const { worker, id, family, drill } = named;
      const role = from[worker];
      invariant(role !== undefined, `there is a role for every task, not for ${family}`);
      const common = { estate: this.props.estate, stores: this.props.stores, executionRole, bundle };
      const own = { family: `${this.props.estate.name}-${family}`, worker, role };
      return new FargateWorker(this, id, { ...common, ...own, ...(drill && { drill }) }).familyArn;
    };
    const add = (worker: WorkerRole, id: string, family: string) => addFor(roles, { worker, id, family });
    const addSecret = (from: SecretRoles): SecretBindings["definitions"] => ({
      writer: addFor(from, { worker: "writer", id: "SecretWriterTask", family: "writer-secret" }),
      checker: addFor(from, { worker: "checker", id: "SecretCheckerTask", family: "checker-secret" }),
      restorer: addFor(from, { worker: "restorer", id: "SecretRestorerTask", family: "restorer-secret" }),
    });
    const secrets = secretSourcesOf(this.props.estate);
    const passed = [
      roles.writer,
      roles.checker,
      roles.drill,
      roles.restorer,
      ...Object.values(secretRoles ?? {}),
    ];
    for (const role of passed) attachGrants(role, "Bundle", role, [bundle.readGrant]);
    const arns = {
      definitions: {
        writer: add("writer", "WriterTask", "writer"),
        checker: add("checker", "CheckerTask", "checker"),
        restorer: add("restorer", "RestorerTask", "restorer"),
      },
      drill: mapValues(this.props.drillServers, (server, source) =>
        Object.fromEntries(
          server.majors.map((major) => [
            major,
            addFor(secrets.includes(source) ? (secretRoles ?? {}) : roles, {
              worker: "drill",
              id: `DrillTask-${source}-${major}`,
              family: `drill-${source}-${major.replaceAll(".", "-")}`,
              drill: drillPlaceOf(server, major),
            }),
          ]),
        ),
      ),
    };
    const secretDefinitions = secretRoles && addSecret(secretRoles);
    return { arns, secretDefinitions, roleArns: [...passed, executionRole].map((role) => role.roleArn) };
  }

  /** ECS itself writes the tasks' logs with it; each log group grants to it. */
  private addExecutionRole(): IRole {
    const role = new Role(this, "ExecutionRole", {
      description: "ECS writes the logs of the tasks with it",
      assumedBy: new ServicePrincipal("ecs-tasks.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
      }),
    });
    return role;
  }
}

function drillPlaceOf(drill: DrillServer | DrillDisk, major: string): DrillPlace {
  if ("diskGiB" in drill) return drill;
  return { image: `${imageOf(drill)}:${major}`, port: drill.port, command: drill.command };
}

/** An image of a maker's own, which names its registry, or one of Docker's official ones. */
function imageOf({ image }: Pick<DrillServer, "image">): string {
  return image.includes("/") ? image : `${OFFICIAL_IMAGES}/${image}`;
}

/** The machine waits a little longer for the health than the function that asks, so that its answer is heard. */
const HEALTH_MARGIN_SECONDS = 60;

/** How long the machines wait, as far as the configuration says so. */
export function waitsOf({
  app,
  approval,
  escalation,
}: Pick<Estate, "app" | "approval" | "escalation">): MachineWaits {
  const healthSeconds =
    app === undefined ? DEFAULT_WAITS.healthSeconds : app.health.timeoutSeconds + HEALTH_MARGIN_SECONDS;
  return {
    ...DEFAULT_WAITS,
    healthSeconds: Math.min(healthSeconds, LAMBDA_LIMIT_SECONDS),
    approvalSeconds: approval.waitMinutes * 60,
    escalationSeconds: mapValues(escalation.waitMinutes, (minutes) => minutes * 60),
  };
}

function mapValues<Key extends string, In, Out>(
  record: Readonly<Record<Key, In>>,
  map: (value: In, key: Key) => Out,
) {
  const entries = Object.entries(record) as [Key, In][];
  return Object.fromEntries(entries.map(([key, value]) => [key, map(value, key)])) as Record<Key, Out>;
}
