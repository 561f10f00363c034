import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openHost } from "../../../lambda/engine/host/open-host.ts";
import { check } from "../../../lambda/engine/jobs/check.ts";
import { claim } from "../../../lambda/engine/jobs/claim.ts";
import { drill } from "../../../lambda/engine/jobs/drill.ts";
import { dump } from "../../../lambda/engine/jobs/dump.ts";
import { sourceOf } from "../../../lambda/engine/jobs/world.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { encodeManifest, parseManifest } from "../../../lambda/engine/model/manifest.ts";
import { readDrill } from "../../support/backup-run.ts";
import { executionArn, makeJobWorld, NEVER } from "../../support/job-world.ts";
import { type Sshd, startSshd } from "../../support/sshd.ts";

const DAY_MS = 86_400_000;
let sshd: Sshd;
let folder: string;

beforeAll(async () => {
  sshd = await startSshd();
  folder = await mkdtemp(join(tmpdir(), "backup-estate-round-"));
  execFileSync("sh", ["-c", 'mkdir -p "$1/tree/sub" "$1/scratch"', "sh", folder]);
  for (let n = 0; n < 30; n++) await writeFile(join(folder, "tree/sub", `${n}`), `content ${n} `.repeat(500));
  await symlink("sub/1", join(folder, "tree/link"));
  execFileSync("find", [join(folder, "tree"), "-exec", "touch", "-h", "-d", "2025-01-01", "{}", "+"]);
});
afterAll(async () => {
  await sshd?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function makeFilesWorld() {
  const config = sourceOf("files").config.parse({ folders: { uploads: join(folder, "tree") } });
  const world = makeJobWorld({
    sourceOf,
    openHost: (signal) => openHost(sshd.host, sshd.privateKey, signal),
    estate: { sources: { ledger: { kind: "files", compute: "fargate", config: config as never } } },
  });
  const services = { ...world.services, drillFolder: join(folder, "scratch") };
  let runs = 0;
  const backUp = async () => {
    const execution = {
      executionArn: executionArn(`run-${++runs}`),
      startedAt: world.clock.now().toISOString(),
    };
    world.executions.set(execution.executionArn, "running");
    const claimed = await claim({ job: "claim", cadence: "daily", execution }, services, NEVER);
    if (claimed.outcome !== "claimed") throw new Error(`the claim ended ${claimed.outcome}`);
    const request = { job: "dump", run: claimed.run, source: "ledger", drillDue: true } as const;
    const dumped = await dump(request, services, NEVER);
    world.executions.set(execution.executionArn, "succeeded");
    const key = keys.manifest("daily", "ledger", dumped.backup.backupId);
    const stored = await world.vault.readLatest(key, NEVER);
    return { ...dumped, manifest: parseManifest(stored?.bytes ?? Buffer.alloc(0), key) };
  };
  return { world, services, backUp };
}

it("a tree goes from a claim through check and drill, and the next backup takes over its packs", async () => {
  const { world, services, backUp } = makeFilesWorld();
  const first = await backUp();
  expect(first.major).toBe("1");
  world.clock.advance(DAY_MS);
  await writeFile(join(folder, "tree/sub/new"), "new");
  const second = await backUp();
  const packs = second.manifest.artifacts.filter(({ name }) => name.startsWith("packs/"));
  expect(packs.map(({ reuse }) => reuse).toSorted()).toEqual([first.backup.backupId, undefined]);
  for (const { backup } of [first, second]) {
    expect(await check({ job: "check", backup, drillDue: true }, services, NEVER)).toMatchObject({
      outcome: "intact",
    });
    expect(await drill({ job: "drill", backup }, services, NEVER)).toMatchObject({ outcome: "identical" });
  }
  expect(await readdir(join(folder, "scratch"))).toEqual([]);
});

it("a drill tells one changed mode from the manifest, and leaves its folder empty", async () => {
  const { world, services, backUp } = makeFilesWorld();
  const { backup, manifest: before } = await backUp();
  await chmod(join(folder, "tree/sub/3"), 0o600);
  world.clock.advance(DAY_MS);
  const { manifest: other } = await backUp();
  const key = keys.manifest("daily", "ledger", other.backupId);
  const swapped = { ...other, fingerprint: before.fingerprint };
  const { versionId } = await world.vault.putStream(key, bytesOf(encodeManifest(swapped)), {
    signal: NEVER,
    lockedUntil: new Date(other.lockedUntil),
  });
  const ref = { ...backup, backupId: other.backupId, manifestVersionId: versionId };
  await expect(drill({ job: "drill", backup: ref }, services, NEVER)).rejects.toMatchObject({
    name: "IntegrityError",
    code: "FINGERPRINT_DIFFERS",
  });
  expect(await readDrill(world)).toMatchObject({ outcome: "different", differencesTotal: 1 });
  expect(await readdir(join(folder, "scratch"))).toEqual([]);
});

async function* bytesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
