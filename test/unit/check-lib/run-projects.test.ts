import { join } from "node:path";
import { expect, it } from "vitest";
import { judgeProjects, type VitestReport } from "../../../scripts/check-lib/run-projects.ts";

const ROOT = join(import.meta.dirname, "../../..");
const FINE = { exitCode: 0, output: "", seconds: 1 };
const BAD = { exitCode: 1, output: "an error outside of the tests", seconds: 1 };

const file = (path: string, statuses: readonly string[], message = "", status = "passed") => ({
  name: join(ROOT, path),
  startTime: 1000,
  endTime: 3000,
  status,
  message,
  assertionResults: statuses.map((one, index) => ({
    fullName: `test ${index}`,
    status: one,
    failureMessages: one === "failed" ? ["it broke"] : [],
  })),
});
const report = (...testResults: ReturnType<typeof file>[]): VitestReport => ({ testResults });

it("counts the tests of each project by its folder", () => {
  const results = report(
    file("test/unit/a.test.ts", ["passed", "skipped"]),
    file("test/synth/b.test.ts", ["passed"]),
  );
  expect(judgeProjects(["unit", "synth"], results, FINE)).toMatchObject([
    { name: "unit", passed: 1, failed: 0, skipped: 1, seconds: 2 },
    { name: "synth", passed: 1, failed: 0, skipped: 0 },
  ]);
});

it("fails a project that executed nothing", () => {
  const skippedOnly = report(file("test/unit/a.test.ts", ["skipped"]));
  expect(judgeProjects(["unit", "faults"], skippedOnly, FINE)).toMatchObject([
    { failed: 1, failures: ["unit: no test was executed"] },
    { failed: 1, failures: ["faults: no test was executed"] },
  ]);
});

it("fails every project when there is no report", () => {
  expect(judgeProjects(["unit"], undefined, BAD)).toMatchObject([{ name: "unit", failed: 1 }]);
});

it("shows why a test failed", () => {
  const [outcome] = judgeProjects(["unit"], report(file("test/unit/a.test.ts", ["passed", "failed"])), BAD);
  expect(outcome).toMatchObject({ passed: 1, failed: 1, failures: ["unit > test 1\nit broke"] });
});

it("fails a file that could not be loaded", () => {
  const broken = file("test/unit/a.test.ts", [], "Cannot find module", "failed");
  const [outcome] = judgeProjects(["unit"], report(file("test/unit/b.test.ts", ["passed"]), broken), BAD);
  expect(outcome).toMatchObject({ passed: 1, failed: 1 });
  expect(outcome?.failures[0]).toContain("Cannot find module");
});

it("fails when Vitest ended badly although every test passed", () => {
  const outcomes = judgeProjects(["unit"], report(file("test/unit/a.test.ts", ["passed"])), BAD);
  expect(outcomes.at(-1)).toMatchObject({ name: "vitest", failed: 1, failures: [BAD.output] });
});
