import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { SIZES } from "./data/erp.ts";
import { describeFailure } from "./report/failure.ts";
import { renderPage } from "./report/page.ts";
import { type Findings, findFaults, type Report, type StepResult } from "./report/report.ts";
import { renderTable } from "./report/table.ts";
import { allSteps, coreSteps } from "./scenario/core.ts";
import { runScenario } from "./scenario/run.ts";
import { makeWorld, type World } from "./world/world.ts";

const OUTPUT = join(import.meta.dirname, "out");
const TIME_LIMIT_MS = 15 * 60_000;
/** Of a shell, for a process that was interrupted. */
const INTERRUPTED = 130;
const REPEAT_MS = 3_000;

interface Options {
  readonly size: keyof typeof SIZES;
  readonly seed: number;
  readonly keep: boolean;
  readonly json: boolean;
  readonly all: boolean;
}

function readOptions(): Options {
  const sizes = Object.keys(SIZES);
  const command = new Command("npm run rehearse --")
    .description(
      "Loses a company's database and recovers it, on this machine: the real CDK app on a local AWS, real servers, real data.",
    )
    .addOption(new Option("--size <size>", "how much data the company has").choices(sizes).default("small"))
    .option("--seed <number>", "seed of the data; the same seed makes the same data", parseSeed, 20261123)
    .option("--keep", "leave the world running afterwards, to look around; Ctrl-C ends it", false)
    .option(
      "--json",
      "print report.json instead of the table; progress goes to stderr (npm --silent run rehearse leaves npm's own lines out)",
      false,
    )
    .option(
      "--all",
      "also the other runbooks: a call of people, a thaw of an archive, the loss of the certificates, of the whole server and of the first Region",
      false,
    )
    .addHelpText(
      "after",
      `\nThe page of results is ${join("rehearsal", "out", "report.html")}. Exit code 0 only if all of it held.`,
    );
  return command.parse().opts<Options>();
}

function parseSeed(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number.");
}

function stepsOf({ all }: Options) {
  return all ? allSteps : coreSteps;
}

function makeReport(options: Options, startedAt: Date, steps: StepResult[], findings: Findings) {
  const faults = findFaults(
    steps,
    stepsOf(options).map((step) => step.name),
    findings,
  );
  const report: Report = {
    ok: faults.length === 0,
    startedAt: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    size: options.size,
    seed: options.seed,
    ...findings,
    steps,
  };
  return { report, faults };
}

async function writeReport(report: Report, faults: readonly string[]): Promise<void> {
  await mkdir(OUTPUT, { recursive: true });
  await writeFile(join(OUTPUT, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(OUTPUT, "report.html"), renderPage(report, faults));
}

async function main(): Promise<void> {
  const options = readOptions();
  const stop = new AbortController();
  stopOnSignals(stop);
  const limit = setTimeout(() => stop.abort(new Error("the rehearsal's time is over")), TIME_LIMIT_MS);
  await rm(OUTPUT, { recursive: true, force: true });
  const startedAt = new Date();
  const has = options.all ? "everything" : "core";
  const world = makeWorld({ size: SIZES[options.size], seed: options.seed, has, signal: stop.signal });
  try {
    const results = await runScenario(
      stepsOf(options),
      world,
      options.json ? process.stderr : process.stdout,
    );
    if (stop.signal.reason instanceof Interruption) throw stop.signal.reason;
    const { report, faults } = makeReport(options, startedAt, results, world.findings);
    await writeReport(report, faults);
    console.log(options.json ? JSON.stringify(report, null, 2) : `\n${renderTable(report, faults)}`);
    process.exitCode = report.ok ? 0 : 1;
    if (options.keep) await keepRunning(world, stop.signal, limit);
  } finally {
    clearTimeout(limit);
    await world.close();
  }
}

/** An operator ended it: that is no verdict, so no report is written. */
class Interruption extends Error {
  override readonly name = "Interrupted";
}

/**
 * The first signal ends the world in order, one that comes later at once. Between them are the repeats of one Ctrl-C,
 * which reaches a process by the terminal and by npm.
 */
function stopOnSignals(stop: AbortController): void {
  let firstAt: number | undefined;
  const onSignal = (name: NodeJS.Signals) => {
    firstAt ??= Date.now();
    if (Date.now() - firstAt > REPEAT_MS) process.exit(INTERRUPTED);
    if (!stop.signal.aborted) console.error("\nThe world is being ended; this takes some seconds.");
    stop.abort(new Interruption(`${name} ended it before its time; no report was written`));
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, onSignal);
}

async function keepRunning(world: World, signal: AbortSignal, limit: NodeJS.Timeout): Promise<void> {
  clearTimeout(limit);
  console.error(`\nThe world keeps running until Ctrl-C. ${world.describe()}`);
  const alive = setInterval(() => undefined, 60_000);
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  clearInterval(alive);
}

main().catch((error: unknown) => {
  console.error(describeFailure(error));
  process.exitCode = error instanceof Interruption ? INTERRUPTED : 1;
});
