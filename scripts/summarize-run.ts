import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadOutcomes, OUTCOMES_FILE } from "./check-lib/outcome.ts";

const REPORT_FILE = join(import.meta.dirname, "../rehearsal/out/report.json");

/** Passed and failed of one part of the run. */
interface Count {
  readonly passed: number;
  readonly failed: number;
}

/** A part that left no result counts as one failure. */
function countOr(what: string, file: string, count: () => Count): Count {
  try {
    return count();
  } catch (error) {
    console.error(`${what} left no readable result in ${file}: ${error}`);
    return { passed: 0, failed: 1 };
  }
}

function countTests(): Count {
  const outcomes = loadOutcomes();
  const sum = (key: "passed" | "failed") => outcomes.reduce((total, outcome) => total + outcome[key], 0);
  return { passed: sum("passed"), failed: sum("failed") };
}

function countRehearsal(): Count {
  const report: { ok: boolean; steps: { ok: boolean }[] } = JSON.parse(readFileSync(REPORT_FILE, "utf8"));
  const passed = report.steps.filter((step) => step.ok).length;
  const failed = report.steps.length - passed;
  // All steps may pass and the objectives still be missed.
  return { passed, failed: report.ok ? failed : Math.max(1, failed) };
}

const parts = [
  countOr("npm test", OUTCOMES_FILE, countTests),
  countOr("npm run rehearse", REPORT_FILE, countRehearsal),
];
const passed = parts.reduce((sum, part) => sum + part.passed, 0);
const failed = parts.reduce((sum, part) => sum + part.failed, 0);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
