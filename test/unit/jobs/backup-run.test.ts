import { describe, expect, it, vi } from "vitest";
import { readManifest } from "../../../lambda/engine/jobs/artifacts.ts";
import { check } from "../../../lambda/engine/jobs/check.ts";
import { drill } from "../../../lambda/engine/jobs/drill.ts";
import { dump } from "../../../lambda/engine/jobs/dump.ts";
import { record } from "../../../lambda/engine/jobs/record.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { encodeManifest, parseManifest } from "../../../lambda/engine/model/manifest.ts";
import { parseRecord, setRecordSchema } from "../../../lambda/engine/model/records.ts";
import type { DumpItem } from "../../../lambda/engine/sources/source.ts";
import { claimedWorld, firstArtifact, listKeys, sealedWorld } from "../../support/backup-run.ts";
import { executionArn, NEVER } from "../../support/job-world.ts";

async function* mark(items: AsyncIterable<DumpItem>, stored: "as-it-is" | undefined) {
  for await (const item of items) yield "body" in item && stored ? { ...item, stored } : item;
}

describe("a backup run", () => {
  it.each([
    ["compressed", undefined, "zstd", /\.zst$/],
    ["as it is where its length would tell of it", "as-it-is" as const, "none", /(?<!\.zst)$/],
  ])("stores an item %s", async (_, stored, codec, key) => {
    const { world, dumpRequest } = await claimedWorld();
    const source = world.services.sourceOf("fake");
    const open: typeof source.open = async (...given) => {
      const session = await source.open(...given);
      const dump = session.dump.bind(session);
      session.dump = (options) => {
        const made = dump(options);
        const summary = () => made.summary();
        return { summary, items: mark(made.items, stored) };
      };
      return session;
    };
    const services = { ...world.services, sourceOf: () => ({ ...source, open }) };
    const { backup } = await dump(dumpRequest, services, NEVER);
    const { artifacts } = await readManifest(world.vault, backup, NEVER);
    expect(artifacts.length).toBeGreaterThan(0);
    for (const artifact of artifacts) {
      expect(artifact.codec).toBe(codec);
      expect(artifact.key).toMatch(key);
      if (codec === "none") expect(artifact.storedBytes).toBe(artifact.plainBytes);
    }
    expect(await check({ job: "check", backup, drillDue: true }, services, NEVER)).toMatchObject({
      outcome: "intact",
    });
  });

  it.each([
    ["secrets", "secret" as const],
    ["no secrets", undefined],
  ])(
    "of a source of %s has its artifacts stored with the key for them, or with the vault's own",
    async (_, secrecy) => {
      const { world, dumpRequest } = await claimedWorld();
      const source = world.services.sourceOf("fake");
      const needs = { ...source.needs, ...(secrecy && { secrecy }) };
      const put = vi.spyOn(world.vault, "putStream");
      await dump(dumpRequest, { ...world.services, sourceOf: () => ({ ...source, needs }) }, NEVER);
      expect(put.mock.calls.length).toBeGreaterThan(0);
      expect(new Set(put.mock.calls.map(([, , options]) => options.secrecy))).toEqual(new Set([secrecy]));
    },
  );

  it("goes from claim to a complete set whose backup is identical in the drill", async () => {
    const { world, run, dumpRequest } = await claimedWorld();
    const dumped = await dump(dumpRequest, world.services, NEVER);
    const checked = await check(
      { job: "check", backup: dumped.backup, drillDue: true },
      world.services,
      NEVER,
    );
    const drilled = await drill({ job: "drill", backup: dumped.backup }, world.services, NEVER);
    const results = [{ source: "ledger", state: "verified", backup: dumped.backup }] as const;
    const answer = await record({ job: "record", run, results: [...results] }, world.services, NEVER);

    expect(dumped.major).toBe("7");
    expect(checked).toMatchObject({ outcome: "intact", artifacts: 3, storedBytes: dumped.storedBytes });
    expect(drilled.outcome).toBe("identical");
    expect(world.servers.get("127.0.0.1:1")?.namespaces).toEqual(world.servers.get("live")?.namespaces);
    const stored = await world.vault.readLatest(answer.setKey, NEVER);
    const set = parseRecord(setRecordSchema, stored?.bytes ?? Buffer.alloc(0), answer.setKey);
    expect(set).toMatchObject({
      state: "complete",
      backups: [dumped.backup],
      trigger: "operator",
      skewSeconds: 0,
    });
    expect(await record({ job: "record", run, results: [...results] }, world.services, NEVER)).toEqual(
      answer,
    );
  });

  it("backs up an empty source, and proves it", async () => {
    const { world, dumpRequest } = await claimedWorld({ contents: {} });
    const { backup } = await dump(dumpRequest, world.services, NEVER);
    expect(await drill({ job: "drill", backup }, world.services, NEVER)).toMatchObject({
      outcome: "identical",
    });
  });

  it("refuses to seal a backup whose stream ended early", async () => {
    const { world, dumpRequest } = await claimedWorld();
    const live = world.servers.get("live");
    if (live) live.endsEarlyAt = "erp.invoices";
    await expect(dump(dumpRequest, world.services, NEVER)).rejects.toMatchObject({
      code: "STREAM_TRUNCATED",
    });
    expect(await listKeys(world, "manifests/")).toEqual([]);
    expect(await listKeys(world, "data/")).not.toEqual([]);
  });

  it("writes the manifest only after the last artifact is stored", async () => {
    const { world, dumpRequest } = await claimedWorld();
    const order: string[] = [];
    const { putStream, commit } = world.vault;
    world.vault.putStream = async (key, body, options) => {
      const stored = await putStream.call(world.vault, key, body, options);
      order.push("artifact");
      return stored;
    };
    world.vault.commit = (key, bytes, options) => {
      order.push("manifest");
      return commit.call(world.vault, key, bytes, options);
    };
    await dump(dumpRequest, world.services, NEVER);
    expect(order).toEqual(["artifact", "artifact", "artifact", "manifest"]);
  });

  it("seals the canonical bytes of the manifest, and reads nothing else as one", async () => {
    const { world, backup } = await sealedWorld();
    const key = keys.manifest("daily", "ledger", backup.backupId);
    const bytes = Buffer.from((await world.vault.readLatest(key, NEVER))?.bytes ?? []);
    expect(bytes.toString()).toBe(Buffer.from(encodeManifest(parseManifest(bytes, key))).toString());
    const backupId = `${backup.backupId.slice(0, -1)}0`;
    const options = { signal: NEVER, lockedUntil: new Date("2026-12-30") };
    const damagedKey = keys.manifest("daily", "ledger", backupId);
    const { versionId } = await world.vault.commit(damagedKey, bytes.subarray(0, 99), options);
    const damaged = { ...backup, backupId, manifestVersionId: versionId };
    await expect(
      check({ job: "check", backup: damaged, drillDue: true }, world.services, NEVER),
    ).rejects.toMatchObject({ name: "IntegrityError", code: "MANIFEST_INVALID" });
  });

  it("seals nothing when it is cancelled, at any record of the source", async () => {
    for (const record of [0, 1, 2, 3]) {
      const { world, dumpRequest } = await claimedWorld();
      const stop = new AbortController();
      let read = 0;
      const live = world.servers.get("live");
      if (live)
        live.beforeRecord = async () => {
          if (read++ === record) stop.abort();
        };
      await expect(dump(dumpRequest, world.services, stop.signal)).rejects.toThrow();
      expect(await listKeys(world, "manifests/")).toEqual([]);
    }
  });

  it("seals nothing when another run has taken the source over meanwhile", async () => {
    const { world, run, dumpRequest } = await claimedWorld();
    const live = world.servers.get("live");
    if (live)
      live.beforeRecord = async () => {
        const key = keys.sourceClaim("ledger");
        const held = await world.state.read(key, NEVER);
        const other = { executionArn: executionArn("thief"), runId: "thief", claimedAt: run.startedAt };
        await world.state.replace(key, other, held?.etag ?? "", NEVER);
      };
    await expect(dump(dumpRequest, world.services, NEVER)).rejects.toMatchObject({ code: "CLAIM_LOST" });
    expect(await listKeys(world, "manifests/")).toEqual([]);
  });

  it("answers a repeated dump of the same run with the backup that it sealed, and reads nothing", async () => {
    const { world, dumpRequest } = await claimedWorld();
    const first = await dump(dumpRequest, world.services, NEVER);
    world.servers.delete("live");
    expect(await dump(dumpRequest, world.services, NEVER)).toEqual(first);
    expect(await listKeys(world, "manifests/")).toHaveLength(1);
  });

  it("commits, on repeat, the manifest that a killed worker had only announced", async () => {
    const { world, dumpRequest } = await claimedWorld();
    const { commit } = world.vault;
    world.vault.commit = () => Promise.reject(new Error("killed"));
    await expect(dump(dumpRequest, world.services, NEVER)).rejects.toThrow("killed");
    world.vault.commit = commit;
    const { backup } = await dump(dumpRequest, world.services, NEVER);
    expect(await listKeys(world, "manifests/")).toEqual([keys.manifest("daily", "ledger", backup.backupId)]);
    expect(await check({ job: "check", backup, drillDue: false }, world.services, NEVER)).toMatchObject({
      outcome: "intact",
    });
  });

  it("seals one backup when two workers dump for the same run at once", async () => {
    const { world, dumpRequest } = await claimedWorld();
    const [one, other] = await Promise.all([1, 2].map(() => dump(dumpRequest, world.services, NEVER)));
    expect(one?.backup).toEqual(other?.backup);
    expect(await listKeys(world, "manifests/")).toHaveLength(1);
  });

  it("keeps every artifact locked at least as long as its manifest", async () => {
    const { world, backup } = await sealedWorld();
    const artifact = await firstArtifact(world, backup);
    world.clock.advance(30 * 86_400_000 + 60_000);
    expect(() => world.vault.deleteVersion(artifact)).toThrow(/locked until/);
  });
});

describe("record", () => {
  it("calls a set with a failed source incomplete, names the failure, and gives the claims back", async () => {
    const { world, run } = await claimedWorld();
    const failure = {
      source: "ledger",
      state: "failed",
      step: "dump",
      error: "SourceError",
      cause: "refused",
    } as const;
    const answer = await record({ job: "record", run, results: [failure] }, world.services, NEVER);
    expect(answer).toMatchObject({
      state: "incomplete",
      summary: expect.stringContaining("ledger failed at dump: SourceError: refused"),
    });
    const claimOfSource = await world.state.read(keys.sourceClaim("ledger"), NEVER);
    expect(claimOfSource?.value).toHaveProperty("releasedAt");
  });

  it("leaves the claim of another run alone", async () => {
    const { world, run } = await claimedWorld();
    const other = { ...run, runId: "run-2", executionArn: executionArn("run-2") };
    const failure = {
      source: "ledger",
      state: "failed",
      step: "dump",
      error: "Cancelled",
      cause: "lost",
    } as const;
    await record({ job: "record", run: other, results: [failure] }, world.services, NEVER);
    const claimOfSource = await world.state.read(keys.sourceClaim("ledger"), NEVER);
    expect(claimOfSource?.value).not.toHaveProperty("releasedAt");
  });
});
