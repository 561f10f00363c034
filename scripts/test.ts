import { runLawsOnOthers } from "./check-lib/mongodb-versions.ts";
import { type Outcome, printOutcome, printTable, saveOutcomes } from "./check-lib/outcome.ts";
import { runQuickChecks } from "./check-lib/quick-checks.ts";
import { runProjects } from "./check-lib/run-projects.ts";

/** Projects with real servers: one after the other, because they share two cores and the disk. */
const SERVER_PROJECTS = ["contract", "integration", "faults"];
const PROJECT_TIMEOUT_MS = 15 * 60_000;

const outcomes: Outcome[] = await runQuickChecks();
for (const project of SERVER_PROJECTS) {
  const done = await runProjects([project], PROJECT_TIMEOUT_MS);
  done.forEach(printOutcome);
  outcomes.push(...done);
}
const others = await runLawsOnOthers(process.env, PROJECT_TIMEOUT_MS);
others.outcomes.forEach(printOutcome);
outcomes.push(...others.outcomes);
saveOutcomes(outcomes);
const failed = printTable(outcomes);
console.log(`\n${others.told}`);
process.exitCode = failed === 0 ? 0 : 1;
