import { describe, expect, it } from "vitest";
import { approve } from "../../../lambda/engine/jobs/recover/approve.ts";
import { askApproval } from "../../../lambda/engine/jobs/recover/ask-approval.ts";
import { executionArn, type JobWorld, makeJobWorld, NEVER } from "../../support/job-world.ts";

const RECOVERY = {
  executionArn: executionArn("recovery-1", "demo-recover"),
  startedAt: "2026-11-23T23:40:00.000Z",
};

describe("approval", () => {
  const ask = (world: JobWorld, taskToken: string) =>
    askApproval(
      {
        job: "ask-approval",
        execution: RECOVERY,
        plan: { runId: "recovery-1", text: "the plan" },
        taskToken,
      },
      world.services,
      NEVER,
    );
  const answerWith = (world: JobWorld, input: unknown, executionOf = "approval-1") => {
    const execution = {
      executionArn: executionArn(executionOf, "demo-approve"),
      startedAt: RECOVERY.startedAt,
    };
    return approve({ job: "approve", execution, input }, world.services, NEVER);
  };

  it("hands the decision to the token of the last question", async () => {
    const world = makeJobWorld();
    await ask(world, "token-1");
    await ask(world, "token-2");
    await answerWith(world, { runId: "recovery-1", decision: "approve" });
    expect(world.answers).toMatchObject([
      {
        kind: "succeed",
        token: "token-2",
        details: { approvedBy: executionArn("approval-1", "demo-approve") },
      },
    ]);
  });

  it("ends the recovery by a RefusedError when it is rejected", async () => {
    const world = makeJobWorld();
    await ask(world, "token-1");
    await answerWith(world, { runId: "recovery-1", decision: "reject", reason: "wrong night" });
    expect(world.answers).toMatchObject([
      { kind: "fail", details: { error: "RefusedError", cause: expect.stringContaining("wrong night") } },
    ]);
  });

  it("refuses an answer to nothing, and one that is neither yes nor no", async () => {
    const world = makeJobWorld();
    const nothing = answerWith(world, { runId: "recovery-1", decision: "approve" });
    await expect(nothing).rejects.toMatchObject({ code: "NOT_APPROVED" });
    await ask(world, "token-1");
    await expect(answerWith(world, { runId: "recovery-1", decision: "maybe" })).rejects.toMatchObject({
      code: "INPUT_INVALID",
    });
    expect(world.answers).toEqual([]);
  });
});
