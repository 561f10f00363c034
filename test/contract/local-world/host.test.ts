import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RehearsalHost, startHost } from "../../../rehearsal/host/host.ts";
import { type Prober, startProber } from "../../../rehearsal/host/prober.ts";
import { type Mongod, startMongod } from "../../../rehearsal/servers/mongod.ts";

const run = promisify(execFile);
const signal = AbortSignal.timeout(110_000);
let folder: string;
let mongod: Mongod;
let host: RehearsalHost;
let prober: Prober;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "backup-estate-host-"));
  mongod = await startMongod({ folder: join(folder, "mongod"), signal });
  await using client = new MongoClient(mongod.uri);
  await client
    .db("erp")
    .collection<{ name: string }>("customers")
    .insertMany([{ name: "سارة" }, { name: "Sam" }]);
  const app = { mongodbUri: mongod.uri, database: "erp", collection: "customers" };
  host = await startHost({ folder: join(folder, "host"), app, signal });
  prober = startProber(host.healthUrl, signal);
});

afterAll(async () => {
  await prober?.stop();
  await host?.stop();
  await mongod?.kill();
  await rm(folder, { recursive: true, force: true });
});

async function ssh(command: string, key = join(folder, "host/login_key")): Promise<string> {
  const knownHosts = join(folder, "known_hosts");
  await writeFile(knownHosts, `[${host.address}]:${host.port} ${host.hostKey}\n`);
  const options = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile=${knownHosts}`,
    "IdentitiesOnly=yes",
  ];
  const args = [...options.flatMap((option) => ["-o", option]), "-i", key, "-p", String(host.port)];
  return (await run("ssh", [...args, `${host.user}@${host.address}`, command])).stdout;
}

test("the health page counts what the database holds", async () => {
  const response = await fetch(host.healthUrl);
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ status: "ok", count: 2 });
});

test("the pinned host key and the login key open a shell, another key does not", async () => {
  expect(await ssh("echo hello")).toBe("hello\n");
  const stranger = join(folder, "stranger");
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", stranger]);
  await expect(ssh("echo hello", stranger)).rejects.toThrow("Permission denied");
});

test("the app stops and starts by the host's commands through SSH, and the prober has seen it", async () => {
  await expect.poll(() => prober.answersNow()).toBe(true);
  const lostAt = new Date();
  await ssh(host.stopCommand);
  expect(await prober.isHealthyNow()).toBe(false);
  await sleep(500);
  await ssh(host.startCommand);
  expect(await prober.isHealthyNow()).toBe(true);
  expect(prober.refusedSince(lostAt).count).toBeGreaterThan(1);
  expect(prober.refusedSince(new Date()).count).toBe(0);
  expect(prober.periods.map(({ state }) => state)).toEqual(["healthy", "refused", "healthy"]);
});

test("the app is unhealthy, yet answers, when its data is gone", async () => {
  await using client = new MongoClient(mongod.uri);
  await client.db("erp").dropDatabase();
  expect((await fetch(host.healthUrl)).status).toBe(503);
  expect(await prober.isHealthyNow()).toBe(false);
  expect(prober.answersNow()).toBe(true);
});

test("nothing of the host is left when it stops", async () => {
  const pid = Number(await readFile(join(folder, "host/run/app.pid"), "utf8"));
  await host.stop();
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  await expect(ssh("true")).rejects.toThrow("Connection refused");
});
