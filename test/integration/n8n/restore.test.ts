import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { openHost } from "../../../lambda/engine/host/open-host.ts";
import { claim } from "../../../lambda/engine/jobs/claim.ts";
import { drill } from "../../../lambda/engine/jobs/drill.ts";
import { dump } from "../../../lambda/engine/jobs/dump.ts";
import { sourceOf } from "../../../lambda/engine/jobs/world.ts";
import { readDrill } from "../../support/backup-run.ts";
import { executionArn, makeJobWorld, NEVER } from "../../support/job-world.ts";
import {
  addCredential,
  change,
  ENCRYPTION_KEY,
  fillDatabase,
  judgeByShell,
  makeDatabase,
} from "../../support/n8n-database.ts";
import { type N8nWorld, startN8nPlaces } from "../../support/n8n-world.ts";

let world: N8nWorld;
let scratch: string;

beforeAll(async () => {
  world = await startN8nPlaces();
  scratch = await mkdtemp(join(tmpdir(), "backup-estate-drill-"));
});
beforeEach(async () => {
  makeDatabase(world.source);
  fillDatabase(world.source);
  await rm(dirname(world.target), { recursive: true, force: true });
  await mkdir(dirname(world.target));
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true, force: true });
});

it("a database comes to where none was, for the owner of the folder", async () => {
  const asRoot = process.getuid?.() === 0;
  if (asRoot) chownSync(dirname(world.target), 1000, 1000);
  await world.restore(await world.dump());
  expect(judgeByShell(world.target)).toEqual(judgeByShell(world.source));
  expect(await readdir(dirname(world.target))).toEqual(["database.sqlite"]);
  expect(statSync(world.target).uid).toBe(statSync(dirname(world.target)).uid);
});

it("a database in place keeps owner and mode, and the log of the old one is gone before the new one comes", async () => {
  const taken = await world.dump();
  makeDatabase(world.target);
  chmodSync(world.target, 0o640);
  for (const end of ["-wal", "-shm"]) writeFileSync(world.target + end, "");
  await world.restore(taken);
  expect(statSync(world.target).mode & 0o777).toBe(0o640);
  for (const end of ["-wal", "-shm", "-journal"]) expect(existsSync(world.target + end), end).toBe(false);
  expect(judgeByShell(world.target)).toEqual(judgeByShell(world.source));
});

it.each(["sftp", "sqlite3"] as const)(
  "a database that n8n has open is left alone, with its log, where the host is asked by %s",
  async (copy) => {
    const taken = await world.dump();
    makeDatabase(world.target);
    const running = openAsN8n(world.target);
    try {
      const before = readFileSync(`${world.target}-wal`);
      await expect(world.restore(taken, { config: { copy } })).rejects.toMatchObject({
        name: "RefusedError",
        code: "TARGET_IN_USE",
        message: expect.stringMatching(/-wal and .*-shm lie beside it.*Stop n8n/s),
      });
      expect(readFileSync(`${world.target}-wal`)).toEqual(before);
      expect(running.prepare("SELECT name FROM tag_entity").all()).toEqual([{ name: "written last" }]);
    } finally {
      running.close();
    }
    await world.restore(taken, { config: { copy } });
    expect(judgeByShell(world.target)).toEqual(judgeByShell(world.source));
  },
);

it("what a killed n8n left is in the way by SFTP, and not where the host's sqlite3 says that nobody has it open", async () => {
  const taken = await world.dump();
  const killed = join(scratch, "killed.sqlite");
  makeDatabase(killed);
  const running = openAsN8n(killed);
  for (const end of ["", "-wal", "-shm"]) copyFileSync(killed + end, world.target + end);
  running.close();
  await rm(killed);
  await expect(world.restore(taken)).rejects.toMatchObject({ code: "TARGET_IN_USE" });
  await world.restore(taken, { config: { copy: "sqlite3" } });
  expect(existsSync(`${world.target}-wal`)).toBe(false);
  expect(judgeByShell(world.target)).toEqual(judgeByShell(world.source));
});

/** As n8n 2 has it open: with a log, idle, something written last. */
function openAsN8n(path: string): DatabaseSync {
  const running = new DatabaseSync(path);
  running.exec("PRAGMA journal_mode=WAL");
  running.exec("INSERT INTO tag_entity (id, name) VALUES ('last', 'written last')");
  return running;
}

it("another key says so, and nothing is changed", async () => {
  const taken = await world.dump();
  makeDatabase(world.target);
  const before = judgeByShell(world.target);
  await expect(world.restore(taken, { key: "another" })).rejects.toMatchObject({
    name: "IntegrityError",
    message: expect.stringContaining("another key than the secret erp/n8n-key holds now"),
  });
  expect(judgeByShell(world.target)).toEqual(before);
  expect(await readdir(dirname(world.target))).toEqual(["database.sqlite"]);
});

it("a backup with one changed byte in a workflow is refused before anything is written", async () => {
  const taken = await world.dump();
  const bytes = Buffer.from(taken.items.get("database/database.sqlite") ?? "");
  bytes[bytes.indexOf("manualTrigger")] = 0x4d;
  const items = new Map([...taken.items, ["database/database.sqlite", bytes]]);
  await expect(world.restore({ ...taken, items })).rejects.toMatchObject({
    code: "FINGERPRINT_DIFFERS",
    facts: { namespace: "workflow_entity", aspect: "contentHash" },
  });
  expect(await readdir(dirname(world.target))).toEqual([]);
});

async function backUp() {
  const config = sourceOf("n8n").config.parse({ database: world.source, encryptionKeySecret: "erp/n8n-key" });
  const { sshd } = world;
  const job = makeJobWorld({
    sourceOf,
    openHost: (signal) => openHost(sshd.host, sshd.privateKey, signal),
    estate: { sources: { automations: { kind: "n8n", compute: "fargate", config: config as never } } },
  });
  let key = ENCRYPTION_KEY;
  const services = { ...job.services, drillFolder: scratch, secret: async () => key };
  const execution = { executionArn: executionArn("n8n"), startedAt: job.clock.now().toISOString() };
  const claimed = await claim({ job: "claim", cadence: "daily", execution }, services, NEVER);
  if (claimed.outcome !== "claimed") throw new Error(`the claim ended ${claimed.outcome}`);
  const request = { job: "dump", run: claimed.run, source: "automations", drillDue: true } as const;
  const { backup } = await dump(request, services, NEVER);
  return {
    job,
    run: () => drill({ job: "drill", backup }, services, NEVER),
    setKey: (next: string) => {
      key = next;
    },
  };
}

it("a drill opens every credential with the saved key, and leaves its folder empty", async () => {
  const { run } = await backUp();
  expect(await run()).toMatchObject({ outcome: "identical" });
  expect(await readdir(scratch)).toEqual([]);
});

it("a drill with another key than the backup's is different, and says why", async () => {
  const { run, setKey, job } = await backUp();
  setKey("another");
  await expect(run()).rejects.toMatchObject({ name: "IntegrityError" });
  expect(await readDrill(job)).toMatchObject({
    outcome: "different",
    reason: expect.stringContaining("another key"),
  });
});

it("a live database with a credential of another key differs from its backup", async () => {
  const taken = await world.dump();
  await world.restore(taken);
  change(world.target, (database) => addCredential(database, "crNew", "New", {}, "other"));
  await using session = await world.open(world.target);
  const { credentials_entity } = await session.fingerprint({ namespaces: ["credentials_entity"] });
  expect(credentials_entity).toMatchObject({ count: 3, options: { decrypted: 2 } });
});
