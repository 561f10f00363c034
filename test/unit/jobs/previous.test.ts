import { describe, expect, it } from "vitest";
import { claim } from "../../../lambda/engine/jobs/claim.ts";
import { dump } from "../../../lambda/engine/jobs/dump.ts";
import type { Cadence } from "../../../lambda/engine/model/cadence.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { type Manifest, parseManifest } from "../../../lambda/engine/model/manifest.ts";
import { encodeRecord, verificationRecordSchema } from "../../../lambda/engine/model/records.ts";
import type { ArtifactRef, DumpItem, DumpOptions, Source } from "../../../lambda/engine/sources/source.ts";
import { executionArn, makeJobWorld, NEVER } from "../../support/job-world.ts";

const DAY_MS = 86_400_000;

/** A source of two objects that takes over all that it may, and notes what it was offered. */
function thriftySource(offers: DumpOptions[], handOver = (ref: ArtifactRef) => ref): Source {
  const items = async function* (options: DumpOptions): AsyncGenerator<DumpItem> {
    for (const name of ["index/1", "pack/1"]) {
      const reuse = options.previous?.reusable.get(name);
      if (reuse) yield { name, reuse: handOver(reuse) };
      else yield { name, body: body(name) };
    }
  };
  const body = async function* (name: string) {
    yield Buffer.from(name);
  };
  return {
    kind: "thrifty",
    needs: { compute: "lambda", keepsLog: false, drill: "none", reuse: { rereads: "index/" } },
    open: async () => ({
      dump: (options: DumpOptions) => {
        offers.push(options);
        return {
          items: items(options),
          summary: async () => ({
            ...{ fingerprint: {}, to: { at: "2026-11-23T23:30:00.000Z" }, versions: {} },
            notes: ["db3 is 240 s behind"],
          }),
        };
      },
      [Symbol.asyncDispose]: async () => {},
    }),
    config: { safeParse: () => ({ success: true }) },
  } as unknown as Source;
}

function thriftyWorld(handOver?: (ref: ArtifactRef) => ArtifactRef) {
  const offers: DumpOptions[] = [];
  const source = thriftySource(offers, handOver);
  const world = makeJobWorld({ sourceOf: () => source });
  let runs = 0;
  const back = async (cadence: Cadence): Promise<Manifest> => {
    const arn = executionArn(`run-${++runs}`);
    const startedAt = world.clock.now().toISOString();
    const execution = { executionArn: arn, startedAt };
    const asked = { job: "claim", cadence, slot: startedAt, execution } as const;
    const answer = await claim(asked, world.services, NEVER);
    if (answer.outcome !== "claimed") throw new Error(`the claim ended ${answer.outcome}`);
    world.executions.set(arn, "running");
    const request = { job: "dump", run: answer.run, source: "ledger", drillDue: false } as const;
    const { backup } = await dump(request, world.services, NEVER);
    world.executions.set(arn, "succeeded");
    const key = keys.manifest(cadence, "ledger", backup.backupId);
    const stored = await world.vault.readLatest(key, NEVER);
    return parseManifest(stored?.bytes ?? Buffer.alloc(0), key);
  };
  return { world, offers, back };
}

const reusedFrom = (manifest: Manifest) => manifest.artifacts.map(({ reuse }) => reuse);

describe("a dump that builds upon the backup before it", () => {
  it("refers to what that one stored, by its first owner, and reads only the index again", async () => {
    const { offers, back, world } = thriftyWorld();
    const first = await back("daily");
    world.clock.advance(DAY_MS);
    const second = await back("daily");
    world.clock.advance(DAY_MS);
    const third = await back("daily");
    expect(reusedFrom(first)).toEqual([undefined, undefined]);
    expect(reusedFrom(second)).toEqual([first.backupId, first.backupId]);
    expect(reusedFrom(third)).toEqual([first.backupId, first.backupId]);
    expect(third.artifacts.map(({ key }) => key)).toEqual(first.artifacts.map(({ key }) => key));
    expect(offers[0]?.previous).toBeUndefined();
    expect(offers[1]?.previous?.items.map(({ name }) => name)).toEqual(["index/1"]);
  });

  it("stores all again when what there is would end before it: after fullEvery, and for a longer cadence", async () => {
    const { back, world } = thriftyWorld();
    await back("daily");
    world.clock.advance(7 * DAY_MS + 1_000);
    expect(reusedFrom(await back("daily"))).toEqual([undefined, undefined]);
    const other = thriftyWorld();
    other.world.clock.advance(DAY_MS / 2);
    await other.back("hourly");
    other.world.clock.advance(DAY_MS);
    expect(reusedFrom(await other.back("daily"))).toEqual([undefined, undefined]);
  });

  it("seals nothing when its source hands over what was not offered, and believes it no date", async () => {
    const { back, world } = thriftyWorld((ref) => ({ ...ref, versionId: "another" }));
    await back("daily");
    world.clock.advance(DAY_MS);
    await expect(back("daily")).rejects.toThrow("index/1 may not be taken over");
    expect(await Array.fromAsync(world.vault.list("manifests/daily/ledger/", NEVER))).toHaveLength(1);
    const liar = thriftyWorld((ref) => ({ ...ref, expiresAt: "2099-01-01T00:00:00.000Z" }));
    const { artifacts } = await liar.back("daily");
    liar.world.clock.advance(DAY_MS);
    const told = (await liar.back("daily")).artifacts.map(({ expiresAt }) => expiresAt);
    expect(told).toEqual(artifacts.map(({ expiresAt }) => expiresAt));
  });

  it("prefers a daily backup that it can build upon to a newer hourly one that it cannot", async () => {
    const { back, world } = thriftyWorld();
    const daily = await back("daily");
    world.clock.advance(DAY_MS);
    expect(reusedFrom(await back("hourly"))).toEqual([daily.backupId, daily.backupId]);
    expect(reusedFrom(await back("daily"))).toEqual([daily.backupId, daily.backupId]);
  });

  it("does not build upon a damaged backup, nor upon one in Glacier", async () => {
    const { back, world } = thriftyWorld();
    const weekly = await back("weekly");
    expect(reusedFrom(weekly)).toEqual([undefined, undefined]);
    const daily = await back("daily");
    expect(reusedFrom(daily)).toEqual([undefined, undefined]);
    const stored = await world.vault.readLatest(keys.manifest("daily", "ledger", daily.backupId), NEVER);
    const record = {
      formatVersion: 1,
      backup: {
        cadence: "daily",
        source: "ledger",
        backupId: daily.backupId,
        manifestVersionId: stored?.ref.versionId ?? "",
      },
      outcome: "damaged",
      drillDue: false,
      artifacts: 2,
      storedBytes: 1,
      checkedAt: daily.sealedAt,
      seconds: 1,
    } as const;
    const key = keys.verification("daily", "ledger", daily.backupId, daily.backupId);
    await world.vault.commit(key, encodeRecord(verificationRecordSchema, record), {
      signal: NEVER,
      lockedUntil: new Date(daily.lockedUntil),
    });
    expect(reusedFrom(await back("daily"))).toEqual([undefined, undefined]);
  });
});

describe("what a source notes of its dump", () => {
  it("is told in the log, and kept in the manifest", async () => {
    const { world, back } = thriftyWorld();
    expect((await back("daily")).notes).toEqual(["db3 is 240 s behind"]);
    expect(world.lines.join("\n")).toContain("db3 is 240 s behind");
  });
});
