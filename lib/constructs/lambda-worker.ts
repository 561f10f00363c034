import { Duration } from "aws-cdk-lib";
import type { Role } from "aws-cdk-lib/aws-iam";
import { Architecture, Code, Function as LambdaFunction, Runtime } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { WORKER_ALLOCATOR } from "../../lambda/engine/model/worker-flags.ts";
import type { Secrecy } from "../secret-sources.ts";
import { EstateLogs } from "./estate-logs.ts";
import { attachGrants } from "./grant.ts";
import type { EstateStores } from "./stores.ts";

/** A long worker may use all that Lambda gives; the auditor lists and reads records; a control function has a minute. */
const SIZES = {
  long: { timeout: Duration.minutes(15), memorySize: 1769 },
  medium: { timeout: Duration.minutes(5), memorySize: 512 },
  short: { timeout: Duration.minutes(1), memorySize: 512 },
} as const;

export interface LambdaWorkerProps {
  /** Name of the export of the bundle's index, e.g. `taskStopped`. */
  readonly entry: string;
  readonly size: keyof typeof SIZES;
  readonly estate: Estate;
  readonly stores: EstateStores;
  readonly role: Role;
  /** Folder of the bundle. */
  readonly handlersFolder: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** The same handler for sources that hold secrets, under a role of its own. */
  readonly secrecy?: Secrecy;
}

/** One function of one role, from the one bundle of handlers. */
export class LambdaWorker extends LambdaFunction {
  constructor(scope: Construct, id: string, props: LambdaWorkerProps) {
    const logs = new EstateLogs(scope, `${id}Logs`, props.stores.operationsKeyArn);
    super(scope, id, {
      ...SIZES[props.size],
      functionName: `${props.estate.name}-${kebabCase(props.entry)}${props.secrecy === "secret" ? "-secret" : ""}`,
      description: `The ${props.entry} of the backup estate ${props.estate.name}`,
      code: Code.fromAsset(props.handlersFolder),
      handler: `index.${props.entry}`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      role: props.role.withoutPolicyUpdates(),
      logGroup: logs.group,
      environment: { ...props.environment, ...workerEnvironment(props.estate, props.stores) },
    });
    attachGrants(scope, `${id}LogGrants`, props.role, [
      {
        actions: ["logs:CreateLogStream", "logs:PutLogEvents"],
        resources: [logs.group.logGroupArn],
        why: "Writes the log streams of its own log group.",
      },
    ]);
  }
}

/** What every worker learns from its environment, on Lambda and on Fargate. */
export function workerEnvironment(estate: Estate, stores: EstateStores): Record<string, string> {
  return {
    ...WORKER_ALLOCATOR,
    ESTATE_NAME: estate.name,
    VAULT_BUCKET: stores.vaultBucketName,
    ...(stores.secretKeyArn && { SECRET_KEY_ARN: stores.secretKeyArn }),
    STATE_BUCKET: stores.stateBucketName,
  };
}

function kebabCase(entry: string): string {
  return entry.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
