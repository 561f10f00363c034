import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { CloudFormationClient } from "@aws-sdk/client-cloudformation";
import { S3Client } from "@aws-sdk/client-s3";
import { startChild } from "../servers/child.ts";
import { type LeftOut, leaveOutRefused } from "./assembly.ts";
import { applyBucketSettings } from "./bucket-settings.ts";
import { type DeployedStack, readDeployedStack } from "./deployed-stack.ts";
import type { LocalAws } from "./local-aws.ts";
import { resolve as resolveProperty } from "./resolve.ts";

export interface DeployOptions {
  readonly aws: LocalAws;
  /** For the cloud assembly and the logs of the CDK's command line. */
  readonly folder: string;
  /** As `cdk --app` takes it; run in the repository. */
  readonly app: string;
  /** As `cdk --context` takes it. */
  readonly context?: Readonly<Record<string, string>>;
  /** More of the app's environment, beside that of the local AWS. */
  readonly env?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Of each of synth, bootstrap and deploy; a deployment that hangs is ended. */
  readonly timeoutMs?: number;
  progress?(line: string): void;
}

export interface Deployment {
  readonly stacks: readonly DeployedStack[];
  readonly leftOut: readonly LeftOut[];
  /** Bucket → settings that CloudFormation drops here and that were made by the S3 API from its template. */
  readonly played: Readonly<Record<string, readonly string[]>>;
}

interface Assembly {
  readonly artifacts: Readonly<
    Record<string, { type: string; environment?: string; properties?: { stackName?: string } }>
  >;
}

const REPOSITORY = resolve(import.meta.dirname, "../..");
const CDK = join(REPOSITORY, "node_modules/.bin/cdk");
const STEP_LIMIT_MS = 120_000;
const LOG_TAIL_CHARACTERS = 3_000;

/**
 * The real `cdk synth`, `cdk bootstrap` and `cdk deploy` against the local AWS, then what its CloudFormation
 * dropped. Throws with the end of the command's log when one fails or takes too long.
 */
export async function deployApp(options: DeployOptions): Promise<Deployment> {
  const assembly = join(resolve(options.folder), "cdk.out");
  const context = Object.entries(options.context ?? {}).flatMap(([key, value]) => [
    "--context",
    `${key}=${value}`,
  ]);
  await runCdk("synth", ["--app", options.app, "--output", assembly, "--quiet", ...context], options);
  const leftOut = await leaveOutRefused(assembly);
  const stacks = await readStacks(assembly);
  const environments = [...new Set(stacks.map(({ region }) => `aws://${options.aws.account}/${region}`))];
  await runCdk("bootstrap", ["--app", assembly, ...environments], options);
  const flags = ["--all", "--require-approval", "never", "--progress", "events"];
  await runCdk("deploy", ["--app", assembly, ...flags], options);
  const deployed = await Promise.all(stacks.map((stack) => readDeployed(stack, options.aws)));
  return { stacks: deployed, leftOut, played: await playBucketSettings(deployed, options.aws) };
}

/** Makes the settings of every bucket, sources of replication last: they name a bucket that must be versioned. */
async function playBucketSettings(stacks: readonly DeployedStack[], aws: LocalAws) {
  const played: Record<string, readonly string[]> = {};
  for (const { template, facts } of stacks) {
    const s3 = new S3Client({ ...aws.client, region: facts.region });
    for (const [logicalId, resource] of Object.entries(template.Resources)) {
      if (resource.Type !== "AWS::S3::Bucket") continue;
      const bucket = facts.resources.get(logicalId)?.physicalId ?? logicalId;
      const properties = resolveProperty(resource.Properties ?? {}, facts) as Record<string, unknown>;
      played[bucket] = await applyBucketSettings(bucket, properties, s3);
    }
    s3.destroy();
  }
  return played;
}

async function readDeployed({ stackName, region }: { stackName: string; region: string }, aws: LocalAws) {
  const cloudFormation = new CloudFormationClient({ ...aws.client, region });
  try {
    return await readDeployedStack(stackName, { region, account: aws.account }, cloudFormation);
  } finally {
    cloudFormation.destroy();
  }
}

async function readStacks(assembly: string): Promise<{ stackName: string; region: string }[]> {
  const { artifacts } = JSON.parse(await readFile(join(assembly, "manifest.json"), "utf8")) as Assembly;
  return Object.entries(artifacts)
    .filter(([, artifact]) => artifact.type === "aws:cloudformation:stack")
    .map(([name, artifact]) => ({
      stackName: artifact.properties?.stackName ?? name,
      region: artifact.environment?.split("/").at(-1) ?? "",
    }));
}

/** Runs one command of the CDK; its output goes to `cdk-<command>.log` in the folder. */
async function runCdk(command: string, args: readonly string[], options: DeployOptions): Promise<void> {
  const { aws, signal, timeoutMs = STEP_LIMIT_MS } = options;
  options.progress?.(`cdk ${command}`);
  const logFile = join(resolve(options.folder), `cdk-${command}.log`);
  await using child = await startChild({
    command: process.execPath,
    args: [CDK, command, ...args, "--no-notices", "--no-color"],
    env: {
      PATH: process.env.PATH ?? "",
      HOME: resolve(options.folder),
      CI: "true",
      CDK_DISABLE_CLI_TELEMETRY: "true",
      ...aws.env,
      CDK_DEFAULT_ACCOUNT: aws.account,
      CDK_DEFAULT_REGION: aws.region,
      ...options.env,
    },
    folder: REPOSITORY,
    logFile,
  });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const onAbort = () => child.kill();
  limit.addEventListener("abort", onAbort, { once: true });
  if (limit.aborted) onAbort();
  const exit = await child.exited;
  limit.removeEventListener("abort", onAbort);
  if (exit.exitCode === 0) return;
  signal.throwIfAborted();
  const log = (await readFile(logFile, "utf8")).slice(-LOG_TAIL_CHARACTERS);
  const fault = limit.aborted ? `took longer than ${timeoutMs} ms` : `ended with ${JSON.stringify(exit)}`;
  throw new Error(`cdk ${command} ${fault}. The end of ${logFile}:\n${log}`);
}
