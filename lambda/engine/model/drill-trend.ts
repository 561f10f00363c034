import type { RecoveryStage } from "./backup-set.ts";

/** So many newest drills of a source say where its drills are going: one that met a slow hour does not. */
export const TREND_DRILLS = 3;

/** Share of the objective above which drills are told: before, not after, a recovery would take too long. */
export const TREND_SHARE = 0.8;

export interface DrilledSource {
  readonly stage: RecoveryStage;
  /** Of its newest drills that proved a whole backup. */
  readonly seconds: readonly number[];
}

/**
 * How long the data of a complete recovery take, by the drills: of each source the median of its newest ones; sources of
 * one stage come back side by side, stages one after the other. Undefined where nothing was drilled yet. Pure.
 */
export function expectRecoverySeconds(drilled: readonly DrilledSource[]): number | undefined {
  const slowest = new Map<RecoveryStage, number>();
  for (const { stage, seconds } of drilled) {
    const median = medianOf(seconds.slice(0, TREND_DRILLS));
    if (median !== undefined) slowest.set(stage, Math.max(slowest.get(stage) ?? 0, median));
  }
  if (slowest.size === 0) return undefined;
  return [...slowest.values()].reduce((sum, one) => sum + one, 0);
}

function medianOf(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)];
}
