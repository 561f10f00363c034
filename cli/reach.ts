import { logTimeOf, positionOf } from "../lambda/engine/model/position.ts";
import { findChain } from "../lambda/engine/vault/chain-reader.ts";
import type { Vault } from "../lambda/engine/vault/vault.ts";

/** What slices add to the newest verified backup of a source: each moment between the two can be brought back. */
export interface Reach {
  readonly from: string;
  readonly to: string;
  /** The same as a `moment` of the runbook recover. */
  readonly moment: string;
  readonly slices: number;
}

/** Undefined where no slice extends the newest verified backup. */
export async function findReach(
  vault: Vault,
  source: string,
  now: Date,
  signal: AbortSignal,
): Promise<Reach | undefined> {
  const plan = await findChain(vault, { source, target: "newest" }, now, signal);
  if (plan?.outcome !== "reachable" || plan.chain.slices.length === 0) return undefined;
  const { base, slices, to } = plan.chain;
  const from = logTimeOf(base.manifest.to);
  const { at, log = "" } = positionOf(to);
  return { from: from ? positionOf(from).at : at, to: at, moment: log, slices: slices.length };
}

/** `mongodb: 4 slices; every moment from … to … can be brought back` */
export function describeReach(source: string, { from, to, slices }: Reach): string {
  return `${source}: ${slices} ${slices === 1 ? "slice" : "slices"}; every moment from ${from} to ${to} can be brought back`;
}
