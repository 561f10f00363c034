/** What one step of the rehearsal did, in the order of the scenario. */
export interface StepResult {
  readonly name: string;
  readonly ok: boolean;
  readonly startedAt: string;
  readonly seconds: number;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Of a kind that has none: its records are judged as they are read, and nothing is restored but by a recovery. */
export const NO_DRILL = "none";

export interface SourceResult {
  readonly backupSeconds: number;
  readonly bytes: number;
  readonly storedBytes: number;
  /** As the drill's record in the vault says. */
  readonly drill: "identical" | "different" | "replayed" | "not-run" | typeof NO_DRILL;
}

/** What the steps found out; every value is read from a record in the vault, the alert queue or the prober. */
export interface Findings {
  trigger?: string;
  measured?: { rpoSeconds: number; rtoSeconds: number };
  objectives?: { rpoSeconds: number; rtoSeconds: number };
  sources: Record<string, SourceResult>;
  alerts: unknown[];
  leftOut: string[];
}

/** `rehearsal/out/report.json`. Stored names: a contract with those who read it. */
export interface Report extends Findings {
  readonly ok: boolean;
  readonly startedAt: string;
  readonly seconds: number;
  readonly size: string;
  readonly seed: number;
  readonly steps: readonly StepResult[];
}

const PROVEN = new Set<string>(["identical", "replayed", NO_DRILL]);

/**
 * Why a rehearsal did not hold; an empty list means that all of it held: every planned step ran and passed,
 * a schedule was the trigger, both objectives were measured and met, every source was proven.
 */
export function findFaults(
  steps: readonly StepResult[],
  planned: readonly string[],
  findings: Findings,
): string[] {
  const passed = new Set(steps.filter((step) => step.ok).map((step) => step.name));
  const missing = planned.filter((name) => !passed.has(name)).map((name) => `step not passed: ${name}`);
  return [
    ...missing,
    ...faultsOfTrigger(findings),
    ...faultsOfMeasures(findings),
    ...faultsOfSources(findings),
  ];
}

function faultsOfTrigger(findings: Findings): string[] {
  if (findings.trigger?.startsWith("schedule ")) return [];
  return [`the backup was not started by a schedule but by: ${findings.trigger ?? "nothing"}`];
}

function faultsOfMeasures({ measured, objectives }: Findings): string[] {
  if (measured === undefined || objectives === undefined) return ["RPO and RTO were not measured"];
  return (["rpoSeconds", "rtoSeconds"] as const)
    .filter((name) => !(measured[name] >= 0 && measured[name] <= objectives[name]))
    .map((name) => `${name} is ${measured[name]}, the objective is ${objectives[name]}`);
}

function faultsOfSources({ sources }: Findings): string[] {
  const results = Object.entries(sources);
  if (results.length === 0) return ["no source was backed up"];
  return results
    .filter(([, result]) => !PROVEN.has(result.drill))
    .map(([source, result]) => `the drill of ${source} ended ${result.drill}`);
}
