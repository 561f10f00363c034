import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import type { Outcome } from "./outcome.ts";

const ROOT = join(import.meta.dirname, "../..");
const TOOLS = join(ROOT, "node_modules/.bin");
const OUTPUT_LIMIT_CHARACTERS = 20_000;

export interface ToolResult {
  readonly exitCode: number;
  /** The last of stdout and stderr, as they came. */
  readonly output: string;
  readonly seconds: number;
}

/** Runs a tool of node_modules in the project's root, without a stdin. It is killed after `timeoutMs`. */
export function runTool(
  tool: string,
  parameters: readonly string[],
  timeoutMs: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<ToolResult> {
  const startedAt = performance.now();
  const env = {
    ...process.env,
    PATH: `${TOOLS}${delimiter}${process.env.PATH}`,
    NO_COLOR: "1",
    ...environment,
  };
  // Vitest and npm force colours on when they find this one, whatever NO_COLOR says.
  Reflect.deleteProperty(env, "FORCE_COLOR");
  const child = spawn(join(TOOLS, tool), parameters, {
    cwd: ROOT,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  let output = "";
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString("utf8")).slice(-OUTPUT_LIMIT_CHARACTERS);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const { promise, resolve } = Promise.withResolvers<ToolResult>();
  const finish = (exitCode: number) =>
    resolve({ exitCode, output, seconds: (performance.now() - startedAt) / 1000 });
  child.once("error", (error) => {
    output += String(error);
    finish(1);
  });
  child.once("close", (code, signal) => {
    if (signal !== null) output += `\n${tool} was ended by ${signal} (limit ${timeoutMs / 1000} s)`;
    finish(code ?? 1);
  });
  return promise;
}

/** Runs a tool that answers by its exit code alone; counts as one check. */
export async function runCheck(
  name: string,
  tool: string,
  parameters: readonly string[],
  timeoutMs: number,
): Promise<Outcome> {
  const { exitCode, output, seconds } = await runTool(tool, parameters, timeoutMs);
  const failed = exitCode === 0 ? 0 : 1;
  return { name, passed: 1 - failed, failed, skipped: 0, seconds, failures: failed ? [output] : [] };
}
