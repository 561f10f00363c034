import { runQuickChecks } from "./check-lib/quick-checks.ts";

const startedAt = performance.now();
const outcomes = await runQuickChecks();
const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
console.log(failed === 0 ? `check passed in ${seconds} s` : `check failed in ${seconds} s: ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
