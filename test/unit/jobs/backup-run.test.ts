import { zstdDecompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { check } from "../../../lambda/engine/jobs/check.ts";
import { claim } from "../../../lambda/engine/jobs/claim.ts";
import { drill } from "../../../lambda/engine/jobs/drill.ts";
import { dump } from "../../../lambda/engine/jobs/dump.ts";
import { record } from "../../../lambda/engine/jobs/record.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { drillRecordSchema, parseRecord, setRecordSchema } from "../../../lambda/engine/model/records.ts";
import { compress } from "../../../lambda/engine/stream/codec.ts";
import { collect } from "../../../lambda/engine/stream/limits.ts";
import { bytesOf } from "../../support/bytes.ts";
import {
  executionArn,
  type JobWorld,
  makeJobWorld,
  NEVER,
  type WorldChanges,
} from "../../support/job-world.ts";

async function claimedWorld(changes: WorldChanges = {}) {
  const world = makeJobWorld(changes);
  const arn = executionArn("run-1");
  world.executions.set(arn, "running");
  const request = {
    job: "claim",
    cadence: "daily",
    execution: { executionArn: arn, startedAt: "2026-11-23T23:30:05.000Z" },
  } as const;
  const answer = await claim(request, world.services, NEVER);
  if (answer.outcome !== "claimed") throw new Error(`expected a claim, got ${answer.outcome}`);
  const dumpRequest = { job: "dump", run: answer.run, source: "ledger", drillDue: true } as const;
  return { world, run: answer.run, dumpRequest };
}

async function listKeys(world: JobWorld, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of world.vault.list(prefix, NEVER)) found.push(key);
  return found;
}

async function readDrill(world: JobWorld) {
  const [key = ""] = await listKeys(world, "drills/");
  const found = await world.vault.readLatest(key, NEVER);
  return parseRecord(drillRecordSchema, found?.bytes ?? Buffer.alloc(0), key);
}

async function sealedWorld(prepare?: (world: JobWorld) => void) {
  const made = await claimedWorld();
  prepare?.(made.world);
  const { backup } = await dump(made.dumpRequest, made.world.services, NEVER);
  return { ...made, backup };
}

async function firstArtifact(world: JobWorld, backup: { backupId: string }) {
  const found = await world.vault.readLatest(keys.manifest("daily", "ledger", backup.backupId), NEVER);
  const manifest = JSON.parse(Buffer.from(found?.bytes ?? []).toString());
  return manifest.artifacts[0] as { key: string; versionId: string; storedBytes: number };
}

function readStored(world: JobWorld, artifact: { key: string; versionId: string }): Promise<Buffer> {
  return collect(world.vault.read(artifact, NEVER), 10_000, "the test");
}

describe("a backup run", () => {
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

describe("check", () => {
  it("finds one flipped bit in the stored bytes, and leaves no record", async () => {
    const { world, backup } = await sealedWorld();
    const artifact = await firstArtifact(world, backup);
    world.vault.corrupt(artifact, (bytes) => {
      bytes.writeUInt8(bytes.readUInt8(bytes.length - 6) ^ 1, bytes.length - 6);
      return bytes;
    });
    const checking = check({ job: "check", backup, drillDue: true }, world.services, NEVER);
    await expect(checking).rejects.toMatchObject({
      name: "IntegrityError",
      message: expect.stringContaining("dump/erp."),
    });
    expect(await listKeys(world, "verifications/")).toEqual([]);
  });

  it("finds content that was swapped for other content of the same sizes", async () => {
    const { world, backup } = await sealedWorld();
    const artifact = await firstArtifact(world, backup);
    const plain = Buffer.from(zstdDecompressSync(await readStored(world, artifact)));
    plain.writeUInt8(plain.readUInt8(plain.length - 3) + 1, plain.length - 3);
    const swapped = await collect(compress("zstd", NEVER)(bytesOf(plain, plain.length)), 10_000, "the test");
    expect(swapped).toHaveLength(artifact.storedBytes);
    world.vault.corrupt(artifact, () => swapped);
    const checking = check({ job: "check", backup, drillDue: true }, world.services, NEVER);
    await expect(checking).rejects.toMatchObject({ name: "IntegrityError", code: "DIGEST_MISMATCH" });
  });

  it("finds an artifact that was cut", async () => {
    const { world, backup } = await sealedWorld();
    const artifact = await firstArtifact(world, backup);
    world.vault.corrupt(artifact, (bytes) => bytes.subarray(0, bytes.length - 1));
    const checking = check({ job: "check", backup, drillDue: true }, world.services, NEVER);
    await expect(checking).rejects.toMatchObject({ name: "IntegrityError", code: "STREAM_TRUNCATED" });
  });

  it("reads past a delete marker", async () => {
    const { world, backup } = await sealedWorld();
    world.vault.putDeleteMarker((await firstArtifact(world, backup)).key);
    const checked = await check({ job: "check", backup, drillDue: true }, world.services, NEVER);
    expect(checked.outcome).toBe("intact");
    expect(await listKeys(world, "verifications/")).toHaveLength(1);
  });

  it("refuses a version that is not in the vault", async () => {
    const { world, backup } = await sealedWorld();
    const gone = { ...backup, manifestVersionId: "version-999" };
    const checking = check({ job: "check", backup: gone, drillDue: true }, world.services, NEVER);
    await expect(checking).rejects.toMatchObject({ code: "ARTIFACT_MISSING" });
  });
});

describe("drill", () => {
  it("is different, by name, when the restored server keeps one byte otherwise", async () => {
    const { world, backup } = await sealedWorld();
    const server = world.servers.get("127.0.0.1:1");
    if (server) server.onWrite = (text) => text.replace("invoice 2", "invoice 3");
    await expect(drill({ job: "drill", backup }, world.services, NEVER)).rejects.toMatchObject({
      name: "IntegrityError",
      code: "FINGERPRINT_DIFFERS",
      message: expect.stringContaining("erp.invoices has contentHash"),
    });
    expect(await readDrill(world)).toMatchObject({
      outcome: "different",
      differencesTotal: 1,
      differences: [{ namespace: "erp.invoices", aspect: "contentHash" }],
    });
  });

  it("is identical when what the log touched equals the snapshot at the dump's end", async () => {
    const { world, backup } = await sealedWorld((made) => {
      made.servers.get("live")?.log.push({ namespace: "erp.invoices", record: "invoice 4" });
    });
    expect(await drill({ job: "drill", backup }, world.services, NEVER)).toMatchObject({
      outcome: "identical",
    });
    expect(await readDrill(world)).toMatchObject({ outcome: "identical", checkedNamespaces: 3 });
  });

  it("is only replayed when the source held no snapshot of what the log touched", async () => {
    const { world, dumpRequest } = await claimedWorld();
    world.servers.get("live")?.log.push({ namespace: "erp.invoices", record: "invoice 4" });
    const { backup } = await dump({ ...dumpRequest, drillDue: false }, world.services, NEVER);
    expect(await drill({ job: "drill", backup }, world.services, NEVER)).toMatchObject({
      outcome: "replayed",
    });
  });

  it("refuses a server of an older version, and records that it did not run", async () => {
    const { world, backup } = await sealedWorld();
    const server = world.servers.get("127.0.0.1:1");
    if (server) server.major = "6";
    const drilling = drill({ job: "drill", backup }, world.services, NEVER);
    await expect(drilling).rejects.toMatchObject({ code: "VERSION_INCOMPATIBLE" });
    expect(await readDrill(world)).toMatchObject({
      outcome: "not-run",
      reason: expect.stringContaining("major version 7"),
    });
  });

  it("refuses a drill server that is not empty", async () => {
    const { world, backup } = await sealedWorld();
    world.servers.get("127.0.0.1:1")?.namespaces.set("left.over", []);
    const drilling = drill({ job: "drill", backup }, world.services, NEVER);
    await expect(drilling).rejects.toMatchObject({ code: "TARGET_NOT_EMPTY" });
  });

  it("waits until its server answers", async () => {
    const { world, backup } = await sealedWorld();
    const server = world.servers.get("127.0.0.1:1");
    if (server) server.reachable = false;
    let waits = 0;
    const wait = async (delayMs: number) => {
      world.clock.advance(delayMs);
      if (++waits === 5 && server) server.reachable = true;
    };
    const drilled = await drill({ job: "drill", backup }, { ...world.services, wait }, NEVER);
    expect([drilled.outcome, waits]).toEqual(["identical", 5]);
  });

  it("gives up a server that never answers", async () => {
    const { world, backup } = await sealedWorld();
    world.servers.delete("127.0.0.1:1");
    await expect(drill({ job: "drill", backup }, world.services, NEVER)).rejects.toMatchObject({
      code: "UNREACHABLE",
    });
    expect(await readDrill(world)).toMatchObject({ outcome: "not-run" });
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
