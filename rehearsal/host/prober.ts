import { setTimeout as sleep } from "node:timers/promises";

/** `healthy`: status 200. `unhealthy`: any other answer. `refused`: nobody listens, or no answer in time. */
export type ProbeState = "healthy" | "unhealthy" | "refused";

/** A time during which every probe saw the same; the last one goes on. */
export interface ProbePeriod {
  readonly state: ProbeState;
  readonly fromAt: string;
  readonly untilAt: string;
  readonly probes: number;
}

/** Asks an app again and again whether it answers, as its users would. */
export interface Prober {
  readonly periods: readonly ProbePeriod[];
  /** Whether the last probe got an answer, healthy or not. */
  answersNow(): boolean;
  /** Asks once more. */
  isHealthyNow(): Promise<boolean>;
  /** The probes that were refused at or after a moment. */
  refusedSince(moment: Date): { readonly count: number; readonly firstAt?: string; readonly lastAt?: string };
  stop(): Promise<void>;
}

interface Probe {
  readonly at: Date;
  readonly state: ProbeState;
}

const INTERVAL_MS = 200;
const TIMEOUT_MS = 3_000;

/** Probes until `stop` or the signal. */
export function startProber(url: string, signal: AbortSignal): Prober {
  const probes: Probe[] = [];
  const ending = new AbortController();
  const either = AbortSignal.any([signal, ending.signal]);
  const probe = async (): Promise<ProbeState> => {
    const state = await ask(url);
    probes.push({ at: new Date(), state });
    return state;
  };
  const loop = (async () => {
    while (!either.aborted) {
      await probe();
      await sleep(INTERVAL_MS, undefined, { signal: either }).catch(() => undefined);
    }
  })();
  return {
    get periods() {
      return summarize(probes);
    },
    answersNow: () => probes.length > 0 && probes.at(-1)?.state !== "refused",
    isHealthyNow: async () => (await probe()) === "healthy",
    refusedSince: (moment) => {
      const refused = probes.filter(({ at, state }) => state === "refused" && at >= moment);
      return {
        count: refused.length,
        firstAt: refused[0]?.at.toISOString(),
        lastAt: refused.at(-1)?.at.toISOString(),
      };
    },
    stop: async () => {
      ending.abort();
      await loop;
    },
  };
}

async function ask(url: string): Promise<ProbeState> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    await response.arrayBuffer();
    return response.status === 200 ? "healthy" : "unhealthy";
  } catch {
    return "refused";
  }
}

function summarize(probes: readonly Probe[]): ProbePeriod[] {
  const periods: ProbePeriod[] = [];
  for (const { at, state } of probes) {
    const last = periods.at(-1);
    const untilAt = at.toISOString();
    if (last?.state === state) periods[periods.length - 1] = { ...last, untilAt, probes: last.probes + 1 };
    else periods.push({ state, fromAt: untilAt, untilAt, probes: 1 });
  }
  return periods;
}
