import type { Host } from "../host/host.ts";
import type { Cadence } from "../model/cadence.ts";
import { RefusedError } from "../model/errors.ts";
import type { Message } from "../model/escalation.ts";
import type { CadencePolicy, Estate, EstateHost, EstateSource } from "../model/estate.ts";
import type { Clock, Random } from "../model/ids.ts";
import type { Source, SourceNeeds } from "../sources/source.ts";
import type { StateStore, Vault } from "../vault/vault.ts";

/** Structured log lines; values pass the redactor before they are written. */
export interface Log {
  info(message: string, facts?: Readonly<Record<string, unknown>>): void;
  warn(message: string, facts?: Readonly<Record<string, unknown>>): void;
  error(message: string, facts?: Readonly<Record<string, unknown>>): void;
}

/** What the state machines say of an execution; `unknown` when they never heard of it. */
export type ExecutionState = "running" | "succeeded" | "failed" | "unknown";

export interface Executions {
  stateOf(executionArn: string, signal: AbortSignal): Promise<ExecutionState>;
}

/** What is told to the machine Backup when a worker starts it. */
export interface BackupStart {
  /** The same name starts the machine only once, however often it is asked for. */
  readonly name: string;
  readonly input: {
    readonly cadence: Cadence;
    readonly sources: readonly string[];
    readonly trigger: string;
  };
}

/** Answers a waiting task of a state machine. False when nobody waits for the token any more. */
export interface TaskTokens {
  succeed(taskToken: string, output: unknown): Promise<boolean>;
  fail(taskToken: string, error: string, cause: string): Promise<boolean>;
  heartbeat(taskToken: string): Promise<boolean>;
}

/** Numbers for alarms; `dimensions` tell whose they are. */
export interface Metrics {
  put(
    name: string,
    value: number,
    dimensions: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void>;
}

/** All that the jobs may use of the world; the handlers build the real one, the tests one in memory. */
export interface Services {
  readonly estate: Estate;
  readonly vault: Vault;
  readonly state: StateStore;
  readonly executions: Executions;
  readonly tokens: TaskTokens;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Where the isolated server of a drill answers; only the drill's task has one. */
  readonly drillAddress?: { readonly host: string; readonly port: number };
  /** Where a drill without a server makes an empty folder; only the task of such a drill has it. */
  readonly drillFolder?: string;
  /** Only the auditor may send numbers. */
  readonly metrics?: Metrics;
  /** Only the slicer may start the machine Backup. */
  startBackup?(start: BackupStart, signal: AbortSignal): Promise<void>;
  /** Only the approver may send a message to people. */
  notify?(message: Message, signal: AbortSignal): Promise<void>;
  sourceOf(kind: string): Source;
  /** The estate's host, or the one that takes its place; the private key is always that of the estate. */
  openHost(signal: AbortSignal, instead?: EstateHost): Promise<Host>;
  secret(reference: string, signal: AbortSignal): Promise<string>;
  /** Ends early, with `Cancelled`, when `signal` aborts. */
  wait(delayMs: number, signal: AbortSignal): Promise<void>;
}

/** Throws `RefusedError` when the estate has no such source. */
export function sourceConfigOf(estate: Estate, name: string): EstateSource {
  const found = Object.hasOwn(estate.sources, name) ? estate.sources[name] : undefined;
  if (found) return found;
  throw new RefusedError(
    "INPUT_INVALID",
    `The estate ${estate.name} has no source ${name}; it has ${Object.keys(estate.sources).join(", ")}. Name one of these.`,
    { facts: { source: name } },
  );
}

/** A source, or another server that a recovery writes to. Throws `RefusedError` when the estate has neither. */
export function placeConfigOf(estate: Estate, name: string): EstateSource {
  const targets = estate.targets ?? {};
  const target = Object.hasOwn(targets, name) ? targets[name] : undefined;
  return target ?? sourceConfigOf(estate, name);
}

/** Throws `RefusedError` when the estate makes no backups of that cadence. */
export function policyOf(estate: Estate, cadence: Cadence): CadencePolicy {
  const found = estate.cadences[cadence];
  if (found) return found;
  throw new RefusedError(
    "INPUT_INVALID",
    `The estate ${estate.name} has no cadence ${cadence}; it has ${Object.keys(estate.cadences).join(", ")}. Take one of these, or add it to estate.yaml and deploy.`,
    { facts: { cadence } },
  );
}

/** Whether backups of that source and cadence are to be restored in isolation and compared. */
export function isDrillDue(source: string, cadence: Cadence, services: Services): boolean {
  const drill = services.estate.cadences[cadence]?.drill ?? false;
  return drill && canBeDrilled(source, services);
}

/** Which workers a source's own steps are for. */
export function workersOf(
  source: string,
  { estate, sourceOf }: Services,
): Pick<EstateSource, "compute"> & Pick<SourceNeeds, "secrecy"> {
  const { kind, compute } = sourceConfigOf(estate, source);
  const { secrecy } = sourceOf(kind).needs;
  return { compute, ...(secrecy && { secrecy }) };
}

/** Whether the kind of that source has something to be drilled in. */
export function canBeDrilled(source: string, services: Services): boolean {
  const { kind } = sourceConfigOf(services.estate, source);
  return services.sourceOf(kind).needs.drill !== "none";
}

/** The execution's own name: what follows the machine in `arn:…:execution:<machine>:<name>`. */
export function runIdOf(executionArn: string): string {
  return executionArn.split(":").slice(7).join(":") || executionArn;
}
