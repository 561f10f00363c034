import { zstdDecompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { check } from "../../../lambda/engine/jobs/check.ts";
import { drill } from "../../../lambda/engine/jobs/drill.ts";
import { dump } from "../../../lambda/engine/jobs/dump.ts";
import { compress } from "../../../lambda/engine/stream/codec.ts";
import { collect } from "../../../lambda/engine/stream/limits.ts";
import { findNewestVerified } from "../../../lambda/engine/vault/catalog-reader.ts";
import {
  claimedWorld,
  firstArtifact,
  listKeys,
  readDrill,
  readStored,
  sealedWorld,
} from "../../support/backup-run.ts";
import { bytesOf } from "../../support/bytes.ts";
import { NEVER } from "../../support/job-world.ts";

describe("check", () => {
  it("finds one flipped bit in what was intact before, and no recovery takes the backup any more", async () => {
    const { world, backup } = await sealedWorld();
    const request = { job: "check", backup, drillDue: false } as const;
    const query = { source: backup.source, cadences: [backup.cadence] };
    const newest = () => findNewestVerified(world.vault, query, world.services.clock.now(), NEVER);
    await check(request, world.services, NEVER);
    expect((await newest()).backup?.ref).toEqual(backup);
    const artifact = await firstArtifact(world, backup);
    world.vault.corrupt(artifact, (bytes) => {
      bytes.writeUInt8(bytes.readUInt8(bytes.length - 6) ^ 1, bytes.length - 6);
      return bytes;
    });
    await expect(check(request, world.services, NEVER)).rejects.toMatchObject({
      name: "IntegrityError",
      message: expect.stringContaining("dump/erp."),
    });
    expect(await listKeys(world, "verifications/")).toHaveLength(2);
    expect((await newest()).backup).toBeUndefined();
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
      reason: expect.stringContaining("the data are of 7.0.0, the target is 6.0.0"),
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
