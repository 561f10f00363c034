import { type Outcome, printOutcome } from "./outcome.ts";
import { runProjects } from "./run-projects.ts";
import { runCheck } from "./run-tool.ts";

/** Projects that need no server. */
const QUICK_PROJECTS = ["unit", "synth", "tidy", "runbooks", "golden"];
const TOOL_TIMEOUT_MS = 120_000;
const TESTS_TIMEOUT_MS = 300_000;

/** Types, lint and every test without a server, side by side; prints each as it ends. */
export async function runQuickChecks(): Promise<Outcome[]> {
  const started = [
    runCheck("types", "tsc", ["--noEmit"], TOOL_TIMEOUT_MS).then((outcome) => [outcome]),
    runCheck("lint", "biome", ["check", "--error-on-warnings"], TOOL_TIMEOUT_MS).then((outcome) => [outcome]),
    runProjects(QUICK_PROJECTS, TESTS_TIMEOUT_MS),
  ];
  const printed = started.map(async (group) => {
    const outcomes = await group;
    outcomes.forEach(printOutcome);
    return outcomes;
  });
  return (await Promise.all(printed)).flat();
}
