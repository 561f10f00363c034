import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { Outcome } from "./outcome.ts";
import { runTool, type ToolResult } from "./run-tool.ts";

const ROOT = join(import.meta.dirname, "../..");

/** The part of Vitest's JSON report that is read here; its reporter follows Jest's format. */
export interface VitestReport {
  readonly testResults: readonly {
    /** Path of the test file. */
    readonly name: string;
    readonly startTime: number;
    readonly endTime: number;
    readonly status: string;
    /** Why the file itself failed, before any test of it ran. */
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[] | null;
    }[];
  }[];
}

/** Less than everything: some test files, and what their environment has besides. */
interface Narrowed {
  readonly files?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs Vitest projects in one process and gives one outcome a project. */
export async function runProjects(
  projects: readonly string[],
  timeoutMs: number,
  { files = [], environment = {} }: Narrowed = {},
): Promise<Outcome[]> {
  const folder = mkdtempSync(join(tmpdir(), "estate-tests-"));
  const file = join(folder, "report.json");
  const chosen = projects.flatMap((project) => ["--project", project]);
  try {
    const result = await runTool(
      "vitest",
      ["run", ...chosen, "--reporter=json", `--outputFile=${file}`, ...files],
      timeoutMs,
      environment,
    );
    return judgeProjects(projects, readReport(file), result);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * One outcome a project. A project that executed nothing failed; so did a Vitest that ended badly although
 * every test passed (an error outside of the tests).
 */
export function judgeProjects(
  projects: readonly string[],
  report: VitestReport | undefined,
  result: ToolResult,
): Outcome[] {
  const outcomes = projects.map((project) => judgeProject(project, report?.testResults ?? []));
  const failed = outcomes.some((outcome) => outcome.failed > 0);
  if (result.exitCode === 0 || failed) return outcomes;
  const outside = { name: "vitest", passed: 0, failed: 1, skipped: 0, seconds: result.seconds };
  return [...outcomes, { ...outside, failures: [result.output] }];
}

function judgeProject(project: string, files: VitestReport["testResults"]): Outcome {
  const own = files.filter((file) => relative(ROOT, file.name).startsWith(`test/${project}/`));
  const tests = own.flatMap((file) => file.assertionResults);
  const passed = tests.filter((test) => test.status === "passed").length;
  const broken = tests.filter((test) => test.status === "failed");
  const unread = own.filter((file) => file.status === "failed" && !hasFailedTest(file));
  const failures = [
    ...broken.map((test) => `${project} > ${test.fullName}\n${test.failureMessages?.join("\n") ?? ""}`),
    ...unread.map((file) => `${project} > ${relative(ROOT, file.name)}\n${file.message}`),
  ];
  if (passed + failures.length === 0) failures.push(`${project}: no test was executed`);
  return {
    name: project,
    passed,
    failed: failures.length,
    skipped: tests.length - passed - broken.length,
    seconds: own.reduce((sum, file) => sum + (file.endTime - file.startTime), 0) / 1000,
    failures,
  };
}

function hasFailedTest(file: VitestReport["testResults"][number]): boolean {
  return file.assertionResults.some((test) => test.status === "failed");
}

function readReport(file: string): VitestReport | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
