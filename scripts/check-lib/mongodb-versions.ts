import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { findMongod, type MongodProgram, programAt } from "../../rehearsal/servers/find-mongod.ts";
import type { Outcome } from "./outcome.ts";
import { runProjects } from "./run-projects.ts";

/** `6=/opt/mongodb-6/bin/mongod:8=/opt/mongodb-8/bin/mongod`: the servers that the laws run on besides the usual one. */
const MONGODS = "BACKUP_ESTATE_MONGODS";
const MAJORS = ["5", "6", "7", "8"];
const LAWS = ["test/contract/sources/laws.test.ts", "test/integration/mongodb/laws.test.ts"];
const ANSWER_TIMEOUT_MS = 30_000;

interface GivenMongod {
  readonly major: string;
  readonly path: string;
}

/** Reads the variable. Throws for what is not `major=path`, and for a major that is not backed up. */
export function parseMongods(text: string | undefined): GivenMongod[] {
  return (text ?? "")
    .split(":")
    .filter((part) => part !== "")
    .map((part) => {
      const [, major = "", path = ""] = /^(\d+)=(.+)$/.exec(part) ?? [];
      if (MAJORS.includes(major)) return { major, path };
      throw new Error(
        `${MONGODS}: got "${part}", expected <major>=<path> with a major of ${MAJORS.join(", ")}. Correct it.`,
      );
    });
}

/** `MongoDB 7.0.15, 8.0.4; not run: 5, 6 - no such server here …` */
export function tellVersions(ran: readonly string[]): string {
  const missing = MAJORS.filter((major) => !ran.some((version) => version.startsWith(`${major}.`)));
  const told = `MongoDB ${[...new Set(ran)].join(", ") || "not run at all"}`;
  if (missing.length === 0) return told;
  return `${told}; not run: ${missing.join(", ")} - no such server here (name one in ${MONGODS})`;
}

/** Runs the laws on every given server; an outcome for each, and a line that says which versions ran. */
export async function runLawsOnOthers(
  environment: NodeJS.ProcessEnv,
  timeoutMs: number,
): Promise<{ readonly outcomes: readonly Outcome[]; readonly told: string }> {
  const usual = findMongod(environment);
  const ran: string[] = usual === undefined ? [] : [await askVersion(usual)];
  const outcomes: Outcome[] = [];
  for (const given of parseMongods(environment[MONGODS])) {
    const program = programAt(given.path, environment);
    const version = program === undefined ? "not there" : await askVersion(program).catch(String);
    if (!version.startsWith(`${given.major}.`)) outcomes.push(notThatVersion(given, version));
    else {
      outcomes.push(...(await runLaws(given, version, timeoutMs)));
      ran.push(version);
    }
  }
  return { outcomes, told: tellVersions(ran) };
}

async function runLaws({ path }: GivenMongod, version: string, timeoutMs: number): Promise<Outcome[]> {
  const narrowed = { files: LAWS, environment: { MONGOD_PATH: path } };
  const outcomes = await runProjects(["contract", "integration"], timeoutMs, narrowed);
  return outcomes.map((outcome) => ({ ...outcome, name: `${outcome.name} ${version}` }));
}

function notThatVersion({ major, path }: GivenMongod, got: string): Outcome {
  const failure = `${MONGODS} names ${path} for MongoDB ${major}: got ${got}. Correct the path.`;
  return { name: `mongodb ${major}`, passed: 0, failed: 1, skipped: 0, seconds: 0, failures: [failure] };
}

/** `7.0.15`. Throws when the program does not start or does not say. */
async function askVersion(program: MongodProgram): Promise<string> {
  const [command, list] =
    program.run === "native" ? [program.path, []] : ([program.wine, [program.path]] as const);
  const env =
    program.run === "native"
      ? process.env
      : { ...process.env, WINEPREFIX: program.prefix, WINEDEBUG: "-all" };
  const { stdout } = await promisify(execFile)(command, [...list, "--version"], {
    env,
    timeout: ANSWER_TIMEOUT_MS,
  });
  const version = /db version v(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`${program.path} does not say its version`);
  return version;
}
