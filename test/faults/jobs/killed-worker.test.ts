import { expect, it } from "vitest";
import { check } from "../../../lambda/engine/jobs/check.ts";
import { claim } from "../../../lambda/engine/jobs/claim.ts";
import { dump } from "../../../lambda/engine/jobs/dump.ts";
import type { Services } from "../../../lambda/engine/jobs/services.ts";
import type { StateStore, Vault } from "../../../lambda/engine/vault/vault.ts";
import { makeSeededRandom } from "../../support/bytes.ts";
import { executionArn, makeJobWorld, NEVER } from "../../support/job-world.ts";

const KILLS = 20;
const EXECUTION = { executionArn: executionArn("one"), startedAt: "2026-11-23T23:30:05.000Z" };

/** From its n-th call to the outside on, before or after that call took effect, nothing of the worker happens any more. */
function dyingServices(services: Services, lastCall: number, takesEffect: boolean) {
  let calls = 0;
  const killed = () => new Promise<never>(() => {});
  const call = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    calls += 1;
    if (calls < lastCall) return await work();
    if (calls === lastCall && takesEffect) await work();
    died.resolve();
    return await killed();
  };
  const died = Promise.withResolvers<void>();
  const { vault, state } = services;
  const dyingVault: Vault = {
    putStream: (...args) => call(() => vault.putStream(...args)),
    commit: (...args) => call(() => vault.commit(...args)),
    read: (...args) => vault.read(...args),
    readLatest: (...args) => call(() => vault.readLatest(...args)),
    list: (...args) => vault.list(...args),
    look: (ref, signal) => vault.look(ref, signal),
    availabilityOf: (...args) => vault.availabilityOf(...args),
    thaw: (...args) => vault.thaw(...args),
  };
  const dyingState: StateStore = {
    read: (...args) => call(() => state.read(...args)),
    create: (...args) => call(() => state.create(...args)),
    replace: (...args) => call(() => state.replace(...args)),
  };
  const dying: Services = { ...services, vault: dyingVault, state: dyingState };
  return { dying, died: died.promise, calls: () => calls };
}

async function claimedWorld() {
  const world = makeJobWorld();
  world.executions.set(EXECUTION.executionArn, "running");
  const answer = await claim({ job: "claim", cadence: "daily", execution: EXECUTION }, world.services, NEVER);
  if (answer.outcome !== "claimed") throw new Error(`expected a claim, got ${answer.outcome}`);
  return { world, request: { job: "dump", run: answer.run, source: "ledger", drillDue: true } as const };
}

async function countCalls(): Promise<number> {
  const { world, request } = await claimedWorld();
  const { dying, calls } = dyingServices(world.services, Number.POSITIVE_INFINITY, false);
  await dump(request, dying, NEVER);
  return calls();
}

it.each(Array.from({ length: KILLS }, (_, seed) => seed))(
  "leaves one whole backup or none when the worker is killed, and one after the repeat (seed %i)",
  async (seed) => {
    const random = makeSeededRandom(seed);
    const lastCall = 1 + Math.floor(random() * (await countCalls()));
    const { world, request } = await claimedWorld();
    const { dying, died } = dyingServices(world.services, lastCall, random() < 0.5);
    void dump(request, dying, NEVER);
    await died;
    const manifests = () => Array.fromAsync(world.vault.list("manifests/", NEVER));
    const left = await manifests();
    expect(left.length).toBeLessThanOrEqual(1);
    const { backup } = await dump(request, world.services, NEVER);
    expect(await manifests()).toHaveLength(1);
    if (left[0]) expect(left[0].key).toContain(backup.backupId);
    const checked = await check({ job: "check", backup, drillDue: false }, world.services, NEVER);
    expect(checked).toMatchObject({ outcome: "intact", artifacts: 3 });
  },
);
