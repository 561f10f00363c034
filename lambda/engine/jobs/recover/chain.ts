import type { Backup } from "../../model/catalog.ts";
import type { Chain, Window } from "../../model/chain.ts";
import { RefusedError } from "../../model/errors.ts";
import type { DestructiveCommand, Manifest, Position } from "../../model/manifest.ts";
import {
  compareLogTimes,
  formatLogTime,
  justBefore,
  type LogTime,
  logTimeOf,
  positionOf,
} from "../../model/position.ts";
import { type RestoreScope, selectorOf } from "../../model/scope.ts";
import { findChain } from "../../vault/chain-reader.ts";
import { readManifests } from "../artifacts.ts";
import type { Services } from "../services.ts";
import type { RecoverInput } from "./input.ts";
import type { RunPlan } from "./run-state.ts";

type NewInput = Extract<RecoverInput, { way: "new" }>;

/** How far a run goes: its slices in their order, where they lead, and what they would take away on the way. */
export interface Reached {
  readonly slices: readonly Manifest[];
  readonly to: Position;
  readonly destructive: readonly DestructiveCommand[];
  /** Namespaces that the slices change and a replay leaves as in the base. */
  readonly notReplayed: readonly string[];
}

/**
 * The backup and the slices of a new run.
 *
 * | input | base | goes to |
 * |---|---|---|
 * | `backupId` | that one | its own position, without slices |
 * | `moment` | the newest verified one before it, or that of `backupId` | the moment; `execute` refuses a time after a drop, unless the entry is named |
 * | a time as `moment`, where no backup has a place in a log | the newest verified one that holds no later moment | its own position |
 * | neither | the newest verified one | the end of the slices; not past a drop: `plan` stops before it, `execute` refuses |
 *
 * Throws `RefusedError` MOMENT_OUT_OF_REACH with the window that can be reached, or WOULD_DROP_AGAIN.
 */
export async function chooseChain(
  input: NewInput,
  chooseBackup: (notAfter?: Date) => Promise<Backup>,
  services: Services,
  signal: AbortSignal,
): Promise<Pick<RunPlan, "backup" | "slices" | "to">> {
  const { source, moment } = input;
  const now = services.clock.now();
  if (moment === undefined) {
    const base = await chooseBackup();
    return input.backupId === undefined
      ? await replayToEnd(base, input, services, signal)
      : { backup: base.ref };
  }
  const base = input.backupId === undefined ? undefined : await chooseBackup();
  const query = { source, target: moment.at, ...(base && { base }) };
  const found = await findChain(services.vault, query, now, signal);
  if (found?.outcome !== "reachable") {
    const windows = found?.windows ?? [];
    if (windows.length > 0 || moment.exact) throw outOfReach(source, moment.at, windows);
    return { backup: (await chooseAsOf(input, moment.at, chooseBackup)).ref };
  }
  if (input.mode === "execute" && !moment.exact) refuseDrops(found.chain, input);
  return toRun(found.chain);
}

/** `base` and its slices to their end; not past a drop: `plan` stops before it, `execute` refuses. */
export async function replayToEnd(
  base: Backup,
  input: Pick<NewInput, "mode" | "asked">,
  services: Services,
  signal: AbortSignal,
): Promise<Pick<RunPlan, "backup" | "slices" | "to">> {
  const query = { source: base.ref.source, target: "newest", base } as const;
  const newest = await findChain(services.vault, query, services.clock.now(), signal);
  if (newest?.outcome !== "reachable") return { backup: base.ref };
  return toRun(stopBeforeDrops(newest.chain, input));
}

/** The backup of a date, of a source that keeps no log. */
async function chooseAsOf(
  { source }: NewInput,
  moment: LogTime,
  chooseBackup: (notAfter: Date) => Promise<Backup>,
): Promise<Backup> {
  const { at } = positionOf(moment);
  const backup = await chooseBackup(new Date(at));
  if (Date.parse(backup.manifest.to.at) <= Date.parse(at)) return backup;
  throw new RefusedError(
    "MOMENT_OUT_OF_REACH",
    `${source} cannot be brought back to ${at}: the backup ${backup.manifest.backupId} holds ${backup.manifest.to.at}. Leave \`backupId\` or \`moment\` out; nothing was changed.`,
    { facts: { source, moment: at, backupId: backup.manifest.backupId } },
  );
}

function toRun({ base, slices, to }: Chain): Pick<RunPlan, "backup" | "slices" | "to"> {
  if (slices.length === 0) return { backup: base.ref };
  return { backup: base.ref, slices: slices.map(({ ref }) => ref), to: positionOf(to) };
}

/** Somebody who names a time that is a little late would see the loss happen again. */
function refuseDrops(chain: Chain, input: Pick<NewInput, "asked">): void {
  const [first] = findDrops(chain, input);
  const at = first && logTimeOf(first.at);
  if (first !== undefined && at !== undefined) throw wouldDropAgain(first, justBefore(at), chain.to);
}

function stopBeforeDrops(chain: Chain, input: Pick<NewInput, "mode" | "asked">): Chain {
  if (input.mode === "execute") refuseDrops(chain, input);
  const [first] = findDrops(chain, input);
  const at = first && logTimeOf(first.at);
  if (at === undefined) return chain;
  const to = justBefore(at);
  const needed = chain.slices.findIndex(
    ({ manifest }) => compareLogTimes(logTimeOf(manifest.to) ?? to, to) >= 0,
  );
  return { ...chain, to, slices: chain.slices.slice(0, needed + 1) };
}

function findDrops({ base, slices, to }: Chain, { asked }: Pick<NewInput, "asked">): DestructiveCommand[] {
  const manifests = slices.map(({ manifest }) => manifest);
  return findDestructive(base.manifest, manifests, to, asked.scope);
}

/** What the slices would take away, of the part that is recovered, between the base and `to`. */
function findDestructive(
  base: Manifest,
  slices: readonly Manifest[],
  to: LogTime,
  scope: RestoreScope | undefined,
): DestructiveCommand[] {
  const from = logTimeOf(base.to);
  return slices
    .flatMap(({ destructive = [] }) => destructive)
    .filter((one) => {
      const time = logTimeOf(one.at);
      if (time === undefined || from === undefined) return false;
      const isMeant = compareLogTimes(from, time) < 0 && compareLogTimes(time, to) <= 0;
      return isMeant && concerns(one, base, scope);
    });
}

function concerns(
  { command, namespace }: DestructiveCommand,
  { fingerprint }: Manifest,
  scope: RestoreScope | undefined,
): boolean {
  const isSelected = selectorOf(scope);
  if (scope === undefined || command !== "dropDatabase") return isSelected(namespace);
  return Object.keys(fingerprint).some((name) => name.startsWith(`${namespace}.`) && isSelected(name));
}

/** The manifests of a run's slices. Throws `IntegrityError` when one is gone. */
export async function readReached(
  decided: RunPlan,
  backup: Backup,
  services: Services,
  signal: AbortSignal,
): Promise<Reached> {
  const slices = await readManifests(services.vault, decided.slices ?? [], signal);
  const to = decided.to ?? backup.manifest.to;
  const time = logTimeOf(to);
  const destructive = time ? findDestructive(backup.manifest, slices, time, decided.scope) : [];
  const notReplayed = [...new Set(slices.flatMap((slice) => slice.notReplayed ?? []))].sort();
  return { slices, to, destructive, notReplayed };
}

/** `dropDatabase erp at 2026-11-24T01:59:59.000Z (1795485599:4)` */
export function describeCommand({ command, namespace, at }: DestructiveCommand): string {
  const what = command === "renameCollection" ? "a rename over" : command;
  return `${what} ${namespace} at ${at.at} (${at.log})`;
}

function wouldDropAgain(first: DestructiveCommand, before: LogTime, newest: LogTime): RefusedError {
  const log = formatLogTime(before);
  return new RefusedError(
    "WOULD_DROP_AGAIN",
    `The slices hold ${describeCommand(first)}, and a recovery to ${describeTime(newest)} would do it again. Nothing was changed. To stop just before it, start with "moment":"${log}"; to go past it all the same, with "moment":"${formatLogTime(newest)}".`,
    { facts: { command: first.command, namespace: first.namespace, before: log } },
  );
}

function outOfReach(source: string, moment: LogTime, windows: readonly Window[]): RefusedError {
  const wanted = positionOf(moment);
  const reach = windows.map(({ from, to }) => `${describeTime(from)} to ${describeTime(to)}`).join(", and ");
  return new RefusedError(
    "MOMENT_OUT_OF_REACH",
    `${source} cannot be brought back to ${wanted.at} (${wanted.log}). ${reach ? `What can be reached around it is ${reach}` : "There is no verified backup with a place in the oplog"}. Take a moment in there, or wait for the next slice; nothing was changed.`,
    { facts: { source, moment: wanted.log, windows } },
  );
}

function describeTime(time: LogTime): string {
  return `${positionOf(time).at} (${formatLogTime(time)})`;
}
