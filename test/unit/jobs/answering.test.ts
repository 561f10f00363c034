import { describe, expect, it } from "vitest";
import { answerRequest } from "../../../lambda/engine/jobs/answering.ts";
import type { WorkerRole } from "../../../lambda/engine/jobs/job-table.ts";
import { SecretMask } from "../../../lambda/engine/jobs/secret-mask.ts";
import type { Services } from "../../../lambda/engine/jobs/services.ts";
import { SourceError } from "../../../lambda/engine/model/errors.ts";
import { executionArn, type JobWorld, makeJobWorld, NEVER } from "../../support/job-world.ts";

const execution = { executionArn: executionArn("one"), startedAt: "2026-11-23T23:30:05.000Z" };
const claimRequest = { job: "claim", cadence: "daily", execution } as const;

function answer(raw: unknown, role: WorkerRole, services: Services, signal = NEVER, mask = new SecretMask()) {
  return answerRequest(raw, { role, mask, heartbeatIntervalMs: 5 }, services, signal);
}

async function dumpRequest(world: JobWorld) {
  world.executions.set(execution.executionArn, "running");
  const claimed = (await answer(claimRequest, "writer", world.services)) as { run: object };
  return { job: "dump", run: claimed.run, source: "ledger", drillDue: true, taskToken: "token-1" };
}

function holdDump(world: JobWorld, held: () => Promise<void>): void {
  const live = world.servers.get("live");
  if (live) live.beforeRecord = held;
}

describe("answering a request", () => {
  it("returns the answer where there is no token", async () => {
    const { services } = makeJobWorld();
    expect(await answer(claimRequest, "writer", services)).toMatchObject({ outcome: "claimed" });
  });

  it("throws by the failure's literal name where there is no token", async () => {
    const { services } = makeJobWorld();
    const claiming = answer({ ...claimRequest, sources: ["nothing"] }, "writer", services);
    await expect(claiming).rejects.toMatchObject({
      name: "RefusedError",
      message: expect.stringContaining("INPUT_INVALID: The estate demo has no source nothing"),
    });
  });

  it("sends the answer to the token, and returns nothing", async () => {
    const world = makeJobWorld();
    expect(await answer(await dumpRequest(world), "writer", world.services)).toBeUndefined();
    expect(world.answers.filter(({ kind }) => kind !== "heartbeat")).toMatchObject([
      { kind: "succeed", token: "token-1", details: { backup: { source: "ledger" } } },
    ]);
  });

  it("sends a failure by its literal name, and does not throw it", async () => {
    const world = makeJobWorld();
    const request = await dumpRequest(world);
    world.servers.delete("live");
    expect(await answer(request, "writer", world.services)).toBeUndefined();
    expect(world.answers).toMatchObject([
      { kind: "fail", details: { error: "SourceError", cause: expect.stringMatching(/^UNREACHABLE: /) } },
    ]);
  });

  it("tells the token, too, that the request was not understood", async () => {
    const world = makeJobWorld();
    await answer({ job: "dump", taskToken: "token-1" }, "writer", world.services);
    expect(world.answers).toMatchObject([{ kind: "fail", details: { error: "RefusedError" } }]);
  });

  it("refuses a job of another role", async () => {
    const world = makeJobWorld();
    await expect(answer(claimRequest, "checker", world.services)).rejects.toMatchObject({
      name: "RefusedError",
    });
    await answer(await dumpRequest(world), "restorer", world.services);
    expect(world.answers).toMatchObject([
      { kind: "fail", details: { cause: expect.stringContaining("writer") } },
    ]);
  });

  it("sends heartbeats while the job works", async () => {
    const world = makeJobWorld();
    const request = await dumpRequest(world);
    holdDump(world, () => new Promise((resolve) => setTimeout(resolve, 15)));
    await answer(request, "writer", world.services);
    expect(world.answers.filter(({ kind }) => kind === "heartbeat").length).toBeGreaterThan(1);
    expect(world.answers.at(-1)?.kind).toBe("succeed");
  });

  it("stops a job whose token is lost: nothing is sealed, and nobody is told", async () => {
    const world = makeJobWorld();
    const request = await dumpRequest(world);
    holdDump(world, () => new Promise((resolve) => setTimeout(resolve, 15)));
    const tokens = { ...world.services.tokens, heartbeat: async () => false };
    await answer(request, "writer", { ...world.services, tokens });
    expect(world.answers).toEqual([]);
    expect(await Array.fromAsync(world.vault.list("manifests/", NEVER))).toEqual([]);
    expect(world.lines.some((line) => line.includes("TOKEN_LOST"))).toBe(true);
  });

  it("goes on when a single heartbeat cannot be sent", async () => {
    const world = makeJobWorld();
    const request = await dumpRequest(world);
    holdDump(world, () => new Promise((resolve) => setTimeout(resolve, 8)));
    const tokens = { ...world.services.tokens, heartbeat: () => Promise.reject(new Error("throttled")) };
    await answer(request, "writer", { ...world.services, tokens });
    expect(world.answers.at(-1)?.kind).toBe("succeed");
  });

  it("sends the reason of an abort even when the job does not listen to it", async () => {
    const world = makeJobWorld();
    const request = await dumpRequest(world);
    const stop = new AbortController();
    const stuck = { ...world.services, openHost: () => new Promise<never>(() => {}) };
    setTimeout(() => stop.abort(new SourceError("TIMED_OUT", "The function has used its time.")), 10);
    await answer(request, "writer", stuck, stop.signal);
    expect(world.answers.at(-1)).toMatchObject({
      kind: "fail",
      details: { error: "SourceError", cause: "TIMED_OUT: The function has used its time." },
    });
  });

  it("hides secrets in what it sends, throws and logs", async () => {
    const world = makeJobWorld();
    const request = await dumpRequest(world);
    const mask = new SecretMask();
    mask.remember("hunter2-planted");
    const openHost = () =>
      Promise.reject(
        new Error("auth of mongodb://backup:other-secret@db:27017 failed, tried hunter2-planted"),
      );
    await answer(request, "writer", { ...world.services, openHost }, NEVER, mask);
    const told = JSON.stringify([world.answers, world.lines]);
    expect(told).toContain("auth of mongodb://backup:[redacted]@db:27017 failed, tried [redacted]");
    expect(told).not.toMatch(/hunter2-planted|other-secret/);
  });
});
