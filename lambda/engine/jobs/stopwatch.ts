import type { Clock } from "../model/ids.ts";

export interface Stopwatch {
  time<Result>(step: string, work: () => Promise<Result>): Promise<Result>;
  /** Step → seconds, of the steps that ended, however they ended. */
  seconds(): Record<string, number>;
}

/** Measures named steps; a step that is timed twice is added up. */
export function makeStopwatch(clock: Clock): Stopwatch {
  const seconds: Record<string, number> = {};
  return {
    async time(step, work) {
      const startedAt = clock.now().getTime();
      try {
        return await work();
      } finally {
        seconds[step] = (seconds[step] ?? 0) + (clock.now().getTime() - startedAt) / 1000;
      }
    },
    seconds: () => ({ ...seconds }),
  };
}
