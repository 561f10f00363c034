import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What one check or one test project came to. */
export interface Outcome {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  /** What went wrong, in full; empty when nothing did. */
  readonly failures: readonly string[];
}

/** Where `npm test` leaves its outcomes for the summary of the continuous integration. */
export const OUTCOMES_FILE = join(import.meta.dirname, "../../.cache/test-outcomes.json");

export function saveOutcomes(outcomes: readonly Outcome[]): void {
  mkdirSync(dirname(OUTCOMES_FILE), { recursive: true });
  writeFileSync(OUTCOMES_FILE, `${JSON.stringify(outcomes, null, 2)}\n`);
}

export function loadOutcomes(): Outcome[] {
  return JSON.parse(readFileSync(OUTCOMES_FILE, "utf8"));
}

/** One line of progress; the failures follow it, so that they stand where one looks. */
export function printOutcome({ name, passed, failed, skipped, seconds, failures }: Outcome): void {
  const counts = [`${passed} passed`, failed > 0 && `${failed} failed`, skipped > 0 && `${skipped} skipped`];
  const words = counts.filter(Boolean).join(", ");
  console.log(
    `${failed > 0 ? "FAIL" : "ok  "}  ${name.padEnd(12)} ${seconds.toFixed(1).padStart(6)} s  ${words}`,
  );
  for (const failure of failures) console.log(`\n${failure.trim()}\n`);
}

/** All outcomes as one table with a total. Returns how many failed. */
export function printTable(outcomes: readonly Outcome[]): number {
  const row = (name: string, ...cells: (number | string)[]) =>
    console.log(name.padEnd(14) + cells.map((cell) => String(cell).padStart(9)).join(""));
  console.log("");
  row("", "passed", "failed", "skipped", "seconds");
  for (const { name, passed, failed, skipped, seconds } of outcomes)
    row(name, passed, failed, skipped, seconds.toFixed(1));
  const total = (key: "passed" | "failed" | "skipped" | "seconds") =>
    outcomes.reduce((sum, outcome) => sum + outcome[key], 0);
  row("total", total("passed"), total("failed"), total("skipped"), total("seconds").toFixed(1));
  return total("failed");
}
