import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { allHold, type Gate } from "./bench/gates.ts";
import type { Row } from "./bench/measure.ts";
import { renderCase } from "./bench/print.ts";

interface Bench {
  readonly cases: readonly string[];
  titleOf(name: string): string;
  /** Progress goes to stderr. */
  measureCase(
    name: string,
    runs: number | undefined,
  ): Promise<{ rows: readonly Row[]; gates: readonly Gate[] }>;
}

const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  mongodb: async () => (await import("./bench/mongodb.ts")) as unknown as Bench,
  files: async () => (await import("./bench/files.ts")) as unknown as Bench,
  redis: async () => (await import("./bench/redis.ts")) as unknown as Bench,
};

interface Options {
  readonly case?: readonly string[];
  readonly runs?: number;
  readonly json: boolean;
}

function makeCommand(): Command {
  return new Command("npm run bench --")
    .description(
      "Measures an engine beside what else is at hand, on real servers: contenders take turns, each in a process of its own.",
    )
    .addArgument(new Argument("<engine>", "what is measured").choices(Object.keys(BENCHES)))
    .option("--case <name...>", "only these; all of them otherwise")
    .addOption(
      new Option("--runs <number>", "turns of every contender, 3 or 1 by default").argParser(parseRuns),
    )
    .option("--json", "JSON only; progress goes to stderr", false)
    .addHelpText("after", "\nExit code 0 when no gate was missed; a gate that was not run says so, and why.")
    .action(run);
}

function parseRuns(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number from 1 to 99.");
}

async function run(engine: string, options: Options, command: Command): Promise<void> {
  const bench = await BENCHES[engine]?.();
  if (bench === undefined) return;
  const wanted = options.case ?? bench.cases;
  const unknown = wanted.filter((name) => !bench.cases.includes(name));
  if (unknown.length > 0)
    command.error(`error: unknown case ${unknown.join(", ")}; expected ${bench.cases.join(", ")}`);
  const results = [];
  for (const name of wanted) {
    console.error(`${engine}: ${bench.titleOf(name)}`);
    const { rows, gates } = await bench.measureCase(name, options.runs);
    results.push({ case: name, rows, gates });
    if (!options.json) console.log(`${renderCase(bench.titleOf(name), rows, gates)}\n`);
  }
  if (options.json) console.log(JSON.stringify({ bench: engine, results }, null, 2));
  process.exitCode = results.every(({ gates }) => allHold(gates)) ? 0 : 1;
}

await makeCommand().parseAsync();
