import { describe, expect, it } from "vitest";
import { acknowledge } from "../../../lambda/engine/jobs/escalate/acknowledge.ts";
import { callContacts } from "../../../lambda/engine/jobs/escalate/call-contacts.ts";
import { openEscalation } from "../../../lambda/engine/jobs/escalate/open-escalation.ts";
import { describeCall, type Level, type Message } from "../../../lambda/engine/model/escalation.ts";
import { makeEstate } from "../../support/estate.ts";
import { executionArn, type JobWorld, makeJobWorld, NEVER } from "../../support/job-world.ts";

const execution = {
  executionArn: executionArn("run-7", "demo-escalate"),
  startedAt: "2026-11-23T23:40:00.000Z",
};
const escalation = { runId: "run-7", about: "the restore hangs" };

function makeCalls(world: JobWorld = makeJobWorld()) {
  const messages: Message[] = [];
  const services = {
    ...world.services,
    notify: async (message: Message) => {
      messages.push(message);
    },
  };
  const call = (level: Level, taskToken: string, changed: object = {}) =>
    callContacts(
      { job: "call-contacts", execution, escalation, level, taskToken },
      { ...services, ...changed },
      NEVER,
    );
  const answer = (input: unknown, changed: object = {}) =>
    acknowledge({ job: "acknowledge", execution, input }, { ...services, ...changed }, NEVER);
  return { world, messages, services, call, answer };
}

describe("an escalation", () => {
  it("is opened by what it is about, and refused with every fault of its input", async () => {
    const open = (input: unknown) => openEscalation({ job: "open-escalation", execution, input });
    expect(await open({ about: "x" })).toEqual({ runId: "run-7", about: "x" });
    await expect(open({ abuot: "x" })).rejects.toMatchObject({
      code: "INPUT_INVALID",
      message: expect.stringMatching(/2 faults.*about.*abuot/s),
    });
  });

  it("tells the level's contacts, the run, how to take it over, and who is next", async () => {
    const { call, messages } = makeCalls();
    await call("L1", "token-1");
    expect(messages[0]?.attributes).toMatchObject({ level: "L1", severity: "critical" });
    for (const part of [
      "the restore hangs",
      "L1: Operator, operator@example.com",
      'run escalate --acknowledge run-7 --by "<your name>"',
      "After 15 minutes without an answer L2 is called.",
    ])
      expect(messages[0]?.text).toContain(part);
    expect(messages[0]?.text).not.toContain("token-1");
  });

  it("hands the answer to the level that was called last", async () => {
    const { call, answer, world } = makeCalls();
    await call("L1", "token-1");
    await call("L2", "token-2");
    expect(await answer({ acknowledge: "run-7", by: "Omar" })).toEqual({
      runId: "run-7",
      level: "L2",
      takenBy: "Omar",
    });
    expect(world.answers).toMatchObject([{ kind: "succeed", token: "token-2" }]);
  });

  it("keeps the token before it calls, so that nobody is called who could not answer", async () => {
    const { call, answer } = makeCalls();
    const failing = { notify: () => Promise.reject(new Error("topic is gone")) };
    await expect(call("L1", "token-1", failing)).rejects.toThrow("topic is gone");
    expect(await answer({ acknowledge: "run-7", by: "Omar" })).toMatchObject({ level: "L1" });
  });

  it("hears the same person again whose first answer was lost, and tells another one who has it", async () => {
    const { call, answer, world } = makeCalls();
    await call("L1", "token-1");
    const first = await answer({ acknowledge: "run-7", by: "Omar" });
    const over = { tokens: { succeed: async () => false } };
    expect(await answer({ acknowledge: "run-7", by: "Omar" }, over)).toEqual(first);
    await expect(answer({ acknowledge: "run-7", by: "Sara" }, over)).rejects.toMatchObject({
      message: expect.stringContaining("Omar has taken it over"),
    });
    expect(world.answers).toHaveLength(1);
  });

  it("refuses an answer to nothing, a late one, and one without a name", async () => {
    const { call, answer } = makeCalls();
    await expect(answer({ acknowledge: "run-8", by: "Omar" })).rejects.toMatchObject({
      code: "NOT_APPROVED",
    });
    await call("L1", "token-1");
    const over = { tokens: { succeed: async () => false } };
    await expect(answer({ acknowledge: "run-7", by: "Omar" }, over)).rejects.toMatchObject({
      code: "NOT_APPROVED",
    });
    await expect(answer({ acknowledge: "run-7" })).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  it("says so where a level has no contact, and where there is no next level", () => {
    const { text } = describeCall(escalation, "L3", makeEstate());
    expect(text).toContain("names no contact of L3");
    expect(text).toContain("After 30 minutes without an answer the escalation ends as failed.");
  });

  it("has a subject that the topic accepts", () => {
    // Source: API reference of Amazon SNS, Publish: ASCII, fewer than 100 characters, no line break.
    const estate = makeEstate({ name: `a${"b".repeat(30)}` });
    for (const level of ["L1", "L2", "L3"] as const)
      expect(describeCall(escalation, level, estate).subject).toMatch(/^[\x20-\x7e]{1,99}$/);
  });
});
