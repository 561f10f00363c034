import { expect, test } from "vitest";
import { preDeployBackupMachine } from "../../runbooks/pre-deploy-backup.ts";
import {
  answers,
  BINDINGS,
  EXECUTION,
  estateService,
  failsWith,
  type Script,
} from "../support/asl/estate.ts";
import { interpret } from "../support/asl/interpret.ts";

async function run(script: Script = {}, input: object = {}) {
  const { service, requests } = estateService(script);
  const ending = await interpret(preDeployBackupMachine(BINDINGS), input as never, EXECUTION, service);
  return { ending, requests, jobs: requests.map(({ job }) => job) };
}

test("claims a manual backup with a drill of all that can be drilled, and is green when each is proven", async () => {
  const { ending, requests, jobs } = await run({}, { sources: ["mongodb"], trigger: "deploy 4711" });
  expect(requests[0]).toEqual({
    job: "claim",
    execution: { executionArn: EXECUTION.id, startedAt: EXECUTION.startTime },
    ...{ cadence: "manual", sources: ["mongodb"], proof: "required", trigger: "deploy 4711" },
  });
  expect(jobs).toEqual(["claim", "dump", "check", "drill", "dump", "check", "record"]);
  expect(ending.status).toBe("SUCCEEDED");
});

test("says by itself who asked, where nobody does", async () => {
  const { requests } = await run();
  expect(requests[0]).toMatchObject({ trigger: "pre-deploy-backup" });
});

test.each(["skipped-overlap", "already-claimed", "covered"])(
  "is red where the machine Backup would be green without a backup: %s",
  async (outcome) => {
    const claim = () => answers({ outcome, slot: "2026-11-23T02:00:00Z", by: "erp-daily-17" });
    const { ending, jobs } = await run({ claim });
    expect(jobs).toEqual(["claim"]);
    expect(ending).toMatchObject({ status: "FAILED", error: "SourcesBusy" });
    expect(ending.cause).toContain(`${outcome}, by erp-daily-17`);
  },
);

test("one source that is not proven forbids the deployment", async () => {
  const { ending } = await run({ drill: () => failsWith("IntegrityError", "it differs") });
  expect(ending).toMatchObject({ status: "FAILED", error: "DoNotDeploy" });
});
