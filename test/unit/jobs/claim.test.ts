import { describe, expect, it } from "vitest";
import { claim } from "../../../lambda/engine/jobs/claim.ts";
import { CLAIM_ATTEMPTS_LIMIT, claimSource, requireClaim } from "../../../lambda/engine/jobs/claims.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import type { StateStore } from "../../../lambda/engine/vault/vault.ts";
import { makeSeededRandom } from "../../support/bytes.ts";
import { executionArn, makeJobWorld, NEVER } from "../../support/job-world.ts";

const STARTED_AT = "2026-11-23T23:30:05.000Z";
const SLOT = "2026-11-23T23:30:00.000Z";

function claimRequest(name: string, changes: object = {}) {
  const execution = { executionArn: executionArn(name), startedAt: STARTED_AT };
  return { job: "claim", cadence: "daily", execution, ...changes } as const;
}

function twoSources() {
  return makeJobWorld({
    estate: {
      sources: {
        ledger: { kind: "fake", compute: "lambda", config: { server: "live" } },
        archive: { kind: "fake", compute: "fargate", config: { server: "live" } },
      },
    },
  });
}

/** Every call yields a seeded number of times first, so that two claimants interleave in another way each seed. */
function interleaved(state: StateStore, seed: number): StateStore {
  const random = makeSeededRandom(seed);
  const turn = async () => {
    for (let times = Math.floor(random() * 6); times > 0; times--) await Promise.resolve();
  };
  return {
    read: (...args) => turn().then(() => state.read(...args)),
    create: (...args) => turn().then(() => state.create(...args)),
    replace: (...args) => turn().then(() => state.replace(...args)),
  };
}

describe("claim", () => {
  it.each([
    ["is left to the cadence where nothing is said", {}, {}, false],
    ["is due where a proof is required", { proof: "required" }, {}, true],
    ["is never due of a kind that has none", { proof: "required" }, { drill: "none" }, false],
  ])("a drill %s", async (_, said, needs, drillDue) => {
    const { services } = twoSources();
    const { manual, ...others } = services.estate.cadences;
    const cadences = { ...others, ...(manual && { manual: { ...manual, drill: false } }) };
    const source = services.sourceOf("fake");
    const sourceOf = () => ({ ...source, needs: { ...source.needs, ...needs } }) as typeof source;
    const changed = { ...services, estate: { ...services.estate, cadences }, sourceOf };
    const request = claimRequest("one", { cadence: "manual", sources: ["ledger"], ...said });
    expect(await claim(request, changed, NEVER)).toMatchObject({ sources: [{ source: "ledger", drillDue }] });
  });

  it.each([
    ["secrets", { secrecy: "secret" }, { secrecy: "secret" }],
    ["no secrets", {}, {}],
  ] as const)("says of a source of %s whose workers it is for", async (_, needs, said) => {
    const { services } = twoSources();
    const source = services.sourceOf("fake");
    const sourceOf = () => ({ ...source, needs: { ...source.needs, ...needs } }) as typeof source;
    const answer = await claim(
      claimRequest("one", { sources: ["ledger"] }),
      { ...services, sourceOf },
      NEVER,
    );
    const one = { source: "ledger", compute: "lambda", drillDue: true, ...said };
    expect(answer).toMatchObject({ outcome: "claimed", sources: [one] });
    expect("secrecy" in ("sources" in answer ? (answer.sources[0] ?? {}) : {})).toBe("secrecy" in said);
  });

  it("takes the last occurrence of the schedule as the slot, and every source with its compute", async () => {
    const { services } = twoSources();
    expect(await claim(claimRequest("one"), services, NEVER)).toMatchObject({
      outcome: "claimed",
      run: { runId: "one", slot: SLOT, cadence: "daily", trigger: "operator" },
      sources: [
        { source: "archive", compute: "fargate", drillDue: true },
        { source: "ledger", compute: "lambda", drillDue: true },
      ],
    });
  });

  it("takes the start as the slot of a cadence without a schedule", async () => {
    const { services } = makeJobWorld();
    const answer = await claim(claimRequest("one", { cadence: "manual" }), services, NEVER);
    expect(answer).toMatchObject({ outcome: "claimed", run: { slot: STARTED_AT } });
  });

  it("gives the same execution the same answer again", async () => {
    const { services } = makeJobWorld();
    const first = await claim(claimRequest("one"), services, NEVER);
    expect(await claim(claimRequest("one"), services, NEVER)).toEqual(first);
  });

  it("gives the same run again to an execution that was killed before it could answer", async () => {
    const { services } = makeJobWorld();
    const create: StateStore["create"] = async (key, value, signal) => {
      if (key.startsWith("runs/")) throw new Error("killed");
      return services.state.create(key, value, signal);
    };
    const dying = { ...services, state: { ...bind(services.state), create } };
    await expect(claim(claimRequest("one"), dying, NEVER)).rejects.toThrow("killed");
    const held = await services.state.read(keys.slotClaim("daily", SLOT), NEVER);
    expect(await claim(claimRequest("one"), services, NEVER)).toMatchObject({
      outcome: "claimed",
      run: Object(held?.value).run,
    });
  });

  it.each(["running", "succeeded"] as const)("leaves a slot whose execution is %s", async (state) => {
    const { services, executions } = makeJobWorld();
    await claim(claimRequest("one"), services, NEVER);
    executions.set(executionArn("one"), state);
    expect(await claim(claimRequest("two"), services, NEVER)).toEqual({
      outcome: "already-claimed",
      slot: SLOT,
      by: executionArn("one"),
    });
  });

  it("takes a slot over from an execution that died, with its sources", async () => {
    const { services, executions } = makeJobWorld();
    await claim(claimRequest("one"), services, NEVER);
    executions.set(executionArn("one"), "failed");
    expect(await claim(claimRequest("two"), services, NEVER)).toMatchObject({
      outcome: "claimed",
      run: { runId: "two" },
    });
    await requireClaim("ledger", executionArn("two"), services, NEVER);
    await expect(requireClaim("ledger", executionArn("one"), services, NEVER)).rejects.toMatchObject({
      code: "CLAIM_LOST",
    });
  });

  it("leaves the slot of an execution that failed but recorded its set", async () => {
    const { services, executions } = makeJobWorld();
    const first = await claim(claimRequest("one"), services, NEVER);
    executions.set(executionArn("one"), "failed");
    const setKey = first.outcome === "claimed" ? keys.set("daily", first.run.setId) : "";
    const options = { signal: NEVER, lockedUntil: new Date(SLOT) };
    await services.vault.commit(setKey, Buffer.from("{}"), options);
    expect(await claim(claimRequest("two"), services, NEVER)).toMatchObject({ outcome: "already-claimed" });
  });

  it("does not call an execution dead that is too young to be known", async () => {
    const { services, clock } = makeJobWorld();
    await claim(claimRequest("one"), services, NEVER);
    expect(await claim(claimRequest("two"), services, NEVER)).toMatchObject({ outcome: "already-claimed" });
    clock.advance(61_000);
    expect(await claim(claimRequest("three"), services, NEVER)).toMatchObject({ outcome: "claimed" });
  });

  it("skips the whole run when one source is still worked on, and gives the others back", async () => {
    const { services, executions } = twoSources();
    const long = { executionArn: executionArn("long"), runId: "long" };
    executions.set(long.executionArn, "running");
    await claimSource("ledger", long, services, NEVER);
    expect(await claim(claimRequest("one"), services, NEVER)).toEqual({
      outcome: "skipped-overlap",
      slot: SLOT,
      by: long.executionArn,
    });
    expect((await services.state.read(keys.step("one", "claim"), NEVER))?.value).toMatchObject({
      outcome: "skipped-overlap",
    });
    expect((await services.state.read(keys.sourceClaim("archive"), NEVER))?.value).toHaveProperty(
      "releasedAt",
    );
  });

  it("is covered when a higher cadence fires for the same slot", async () => {
    const { services } = makeJobWorld();
    const sunday = { executionArn: executionArn("one"), startedAt: "2026-11-21T23:31:00.000Z" };
    const answer = await claim(claimRequest("one", { execution: sunday }), services, NEVER);
    expect(answer).toMatchObject({ outcome: "covered", by: "weekly" });
  });

  it("refuses a source and a cadence that the estate does not have", async () => {
    const { services } = makeJobWorld();
    const unknown = claim(claimRequest("one", { sources: ["nothing"] }), services, NEVER);
    await expect(unknown).rejects.toMatchObject({ code: "INPUT_INVALID" });
    const monthly = claim(claimRequest("one", { cadence: "monthly" }), services, NEVER);
    await expect(monthly).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  it.each(Array.from({ length: 50 }, (_, seed) => seed))(
    "lets exactly one of three executions have the slot of a dead one (seed %i)",
    async (seed) => {
      const { services, executions } = twoSources();
      await claim(claimRequest("dead"), services, NEVER);
      executions.set(executionArn("dead"), "failed");
      const names = ["one", "two", "three"];
      for (const name of names) executions.set(executionArn(name), "running");
      const racing = { ...services, state: interleaved(services.state, seed) };
      const answers = await Promise.all(names.map((name) => claim(claimRequest(name), racing, NEVER)));
      expect(answers.map(({ outcome }) => outcome).sort()).toEqual([
        "already-claimed",
        "already-claimed",
        "claimed",
      ]);
      const winner = names[answers.findIndex(({ outcome }) => outcome === "claimed")] ?? "";
      for (const source of ["ledger", "archive"])
        await requireClaim(source, executionArn(winner), services, NEVER);
    },
  );

  it.each(Array.from({ length: 50 }, (_, seed) => seed))(
    "never gives one source to two executions of different slots (seed %i)",
    async (seed) => {
      const { services, executions } = twoSources();
      for (const name of ["one", "two"]) executions.set(executionArn(name), "running");
      const racing = { ...services, state: interleaved(services.state, seed) };
      const answers = await Promise.all([
        claim(claimRequest("one", { cadence: "manual" }), racing, NEVER),
        claim(claimRequest("two"), racing, NEVER),
      ]);
      expect(answers.map(({ outcome }) => outcome).sort()).toEqual(["claimed", "skipped-overlap"]);
    },
  );

  it("gives up a claim that changes under every attempt", async () => {
    const { services } = makeJobWorld();
    let attempts = 0;
    const create: StateStore["create"] = async () => {
      attempts += 1;
      return false;
    };
    const contended = { ...services, state: { ...bind(services.state), create } };
    const claiming = claimSource(
      "ledger",
      { executionArn: executionArn("one"), runId: "one" },
      contended,
      NEVER,
    );
    await expect(claiming).rejects.toMatchObject({ code: "CHANGED" });
    expect(attempts).toBe(CLAIM_ATTEMPTS_LIMIT);
  });
});

function bind(state: StateStore): StateStore {
  return {
    read: state.read.bind(state),
    create: state.create.bind(state),
    replace: state.replace.bind(state),
  };
}
