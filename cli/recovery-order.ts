import {
  type BackupSet,
  momentsOf,
  orderForRecovery,
  type RecoveryStage,
  type SetDemand,
} from "../lambda/engine/model/backup-set.ts";
import type { Backup } from "../lambda/engine/model/catalog.ts";
import { RefusedError } from "../lambda/engine/model/errors.ts";
import { inputRefusal } from "../lambda/engine/model/input-faults.ts";
import { chooseSet, type SetChoice } from "../lambda/engine/vault/choose-set.ts";
import { loadEstate } from "../lib/config/load-estate.ts";
import { recoveryStageOf } from "../lib/config/recovery-stage.ts";
import { findSources } from "./backups.ts";
import { formatJson, formatSeconds, formatTable } from "./format.ts";
import { type CliWorld, openVault, type VaultOptions } from "./world.ts";

const WITHOUT =
  "Do without a source by --without <source>, or take its own newest backup by `backup-estate run recover --source <source>`.";

export interface RecoveryOrderOptions extends VaultOptions {
  readonly at?: Date;
  readonly without?: readonly string[];
  readonly config?: string;
  readonly json?: boolean;
}

/**
 * Prints the set that a complete recovery takes and the commands of `recover` in the order of the stages. Throws
 * `RefusedError` INPUT_INVALID, or NO_VERIFIED_BACKUP which says of each source what is missing; `VaultError` NOT_FOUND.
 */
export async function showRecoveryOrder(
  setId: string | undefined,
  options: RecoveryOrderOptions,
  world: CliWorld,
): Promise<void> {
  const vault = await openVault(world, options);
  const all = options.config
    ? Object.keys(loadEstate(options.config).sources)
    : await findSources(vault, world.signal);
  if (all.length === 0)
    throw refuse("There is nothing to recover", ["the vault holds no backup of any source"]);
  const without = options.without ?? [];
  requireInput(setId, options, all);
  const sources = all.filter((source) => !without.includes(source));
  const demand: SetDemand = { sources, ...(options.at && { notAfter: options.at }) };
  const choice: SetChoice = {
    ...(setId !== undefined && { setId }),
    demand,
    now: world.now(),
    advice: WITHOUT,
    tell: world.tell,
  };
  const set = await chooseSet(vault, choice, world.signal);
  const order = makeOrder(set, sources);
  world.print(
    options.json
      ? formatJson({ setId: set.record.setId, ...momentsOf(set, sources), leftOut: without, stages: order })
      : describe(set, order, { sources, without, now: world.now() }),
  );
}

function requireInput(
  setId: string | undefined,
  { at, without = [] }: RecoveryOrderOptions,
  all: readonly string[],
): void {
  const faults = without
    .filter((source) => !all.includes(source))
    .map((source) => `--without: got ${JSON.stringify(source)}, expected one of ${all.join(", ")}`);
  if (setId !== undefined && at !== undefined) faults.push("--at: a set was named, leave its moment out");
  if (faults.length === 0 && all.every((source) => without.includes(source)))
    faults.push("--without: it names every source, nothing is left to recover");
  if (faults.length > 0)
    throw inputRefusal(faults, {
      subject: "The input of recovery-order",
      unchanged: "nothing was changed",
      advice: "Correct it; without options the newest set is taken.",
    });
}

function refuse(what: string, faults: readonly string[]): RefusedError {
  return new RefusedError(
    "NO_VERIFIED_BACKUP",
    `${what}:\n${faults.map((fault) => `  - ${fault}`).join("\n")}\n${WITHOUT}`,
    { facts: { faults: [...faults] } },
  );
}

interface OrderedStage {
  readonly stage: RecoveryStage;
  readonly recoveries: readonly {
    readonly source: string;
    readonly backupId: string;
    readonly recoversTo: string;
    /** It plans; `--mode execute` carries it out. */
    readonly command: string;
  }[];
}

function makeOrder({ members }: BackupSet, sources: readonly string[]): OrderedStage[] {
  const backups = new Map<string, Backup>();
  for (const member of members)
    if (member.kind === "backup" && sources.includes(member.source))
      backups.set(member.source, member.backup);
  const staged = [...backups].map(([source, { manifest }]) => ({
    source,
    stage: requireStage(source, manifest.kind),
  }));
  return orderForRecovery(staged).map(({ stage, sources: ofStage }) => ({
    stage,
    recoveries: ofStage.flatMap((source) => {
      const backup = backups.get(source);
      return backup ? [recoveryOf(backup)] : [];
    }),
  }));
}

function requireStage(source: string, kind: string): RecoveryStage {
  const stage = recoveryStageOf(kind);
  if (stage !== undefined) return stage;
  throw refuse("The set cannot be recovered", [`${source}: this version knows no sources of kind ${kind}`]);
}

function recoveryOf({ ref: { source, backupId }, manifest }: Backup): OrderedStage["recoveries"][number] {
  const command = `backup-estate run recover --source ${source} --backup ${backupId}`;
  return { source, backupId, recoversTo: manifest.to.at, command };
}

interface Told {
  readonly sources: readonly string[];
  readonly without: readonly string[];
  readonly now: Date;
}

function describe(set: BackupSet, order: readonly OrderedStage[], { sources, without, now }: Told): string {
  const { setId, cadence, slot } = set.record;
  const moments = momentsOf(set, sources);
  const age = moments && formatSeconds((now.getTime() - Date.parse(moments.earliestAt)) / 1000);
  const facts = formatTable(
    ["Set", `${setId}, ${cadence}, slot ${slot}`],
    [
      ...(moments
        ? [
            ["Recovers to", `${moments.earliestAt} (${age} ago) … ${moments.latestAt}`],
            ["Skew", formatSeconds(moments.skewSeconds)],
          ]
        : []),
      ["Left out", without.join(", ") || "nothing"],
    ],
  );
  const stages = order.map(({ stage, recoveries }, index) =>
    [`${index + 1}. ${stage}`, ...recoveries.map(({ command }) => `   ${command}`)].join("\n"),
  );
  return [facts, ...stages, ADVICE].join("\n\n");
}

const ADVICE =
  "Each command plans; add `--mode execute` to carry it out. Those of one number may run side by side, and the next number begins when all of them have ended green. Each brings its source to the moment of the set, without slices. An app that recover stops is started again after each source: until the last number has ended, keep users away from it.";
