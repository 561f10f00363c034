import { expect, test } from "vitest";
import { drillMachine } from "../../runbooks/drill.ts";
import { BINDINGS, EXECUTION, estateService, failsWith, type Script } from "../support/asl/estate.ts";
import { interpret } from "../support/asl/interpret.ts";

async function run(script: Script = {}, input: object = {}) {
  const { service, requests } = estateService(script);
  const ending = await interpret(drillMachine(BINDINGS), input as never, EXECUTION, service);
  return { ending, requests, jobs: requests.map(({ job }) => job) };
}

test("drills every chosen backup, checks one first that no check has read, and says what it found", async () => {
  const { ending, jobs } = await run();
  expect(ending.status).toBe("SUCCEEDED");
  expect(jobs).toEqual(["choose-drills", "drill", "check", "drill"]);
  expect(ending.output).toMatchObject({
    failed: 0,
    drills: [
      { source: "mongodb", state: "proven", outcome: "identical", seconds: 31 },
      { source: "ledger", state: "proven", outcome: "identical", seconds: 31 },
    ],
    summary: expect.stringMatching(
      /^mongodb 2026\S+ is identical, after 31 s; ledger .*; exports: sources of the kind http-export have no drill$/,
    ),
  });
});

test("hands what the operator said to the choice as it is", async () => {
  const { requests } = await run({}, { source: "mongodb" });
  expect(requests[0]).toEqual({ job: "choose-drills", input: { source: "mongodb" } });
});

test("one backup that differs fails the run and is named, after the others were drilled", async () => {
  const drill: Script["drill"] = (request) =>
    request.job === "drill" && request.backup.source === "mongodb"
      ? failsWith("IntegrityError", "it differs in 1 points")
      : undefined;
  const { ending, jobs } = await run({ drill });
  expect(jobs.filter((job) => job === "drill")).toHaveLength(2);
  expect(ending).toMatchObject({ status: "FAILED", error: "DrillFailed" });
  expect(ending.cause).toMatch(
    /^mongodb \S+ is not proven, drill: IntegrityError: it differs in 1 points; ledger \S+ is identical/,
  );
});
