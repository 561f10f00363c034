import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openHost } from "../../../lambda/engine/host/open-host.ts";
import { check } from "../../../lambda/engine/jobs/check.ts";
import { claim } from "../../../lambda/engine/jobs/claim.ts";
import { drill } from "../../../lambda/engine/jobs/drill.ts";
import { dump } from "../../../lambda/engine/jobs/dump.ts";
import { sourceOf } from "../../../lambda/engine/jobs/world.ts";
import type { StateStore } from "../../../lambda/engine/vault/vault.ts";
import { listKeys } from "../../support/backup-run.ts";
import { findLeaks, type WrittenPlace } from "../../support/canary-scan.ts";
import { makeCertificates } from "../../support/certificates.ts";
import { executionArn, type JobWorld, makeJobWorld, NEVER } from "../../support/job-world.ts";
import { startTestRedis, type TestRedis } from "../../support/redis.ts";
import { type Sshd, startSshd } from "../../support/sshd.ts";

const DAY_MS = 86_400_000;
/** What opens a source: it may stand nowhere at all. */
const PASSWORDS = {
  "redis-password": "canary-of-the-acl-7b1f93",
  "wrong-password": "canary-mistyped-2290ce",
};
/** What a source holds: it may stand in its own artifacts. */
const CONTENT = {
  cache: "canary-in-a-key-51ad08",
  uploads: "canary-in-an-upload-e04c6d",
  settings: "canary-in-an-env-90d2aa",
};

let redis: TestRedis;
let scratch: TestRedis;
let sshd: Sshd;
let folder: string;
let keyLine: string;

beforeAll(async () => {
  [redis, scratch, sshd] = await Promise.all([startTestRedis(), startTestRedis(), startSshd()]);
  folder = await mkdtemp(join(tmpdir(), "backup-estate-canaries-"));
  execFileSync("mkdir", [
    "-p",
    ...["uploads", "settings", "scratch", "live/erp.example.com"].map((one) => join(folder, one)),
  ]);
  await writeFile(join(folder, "uploads/.env"), `DB_PASSWORD=${CONTENT.uploads}\n`);
  await writeFile(join(folder, "settings/.env"), `DB_PASSWORD=${CONTENT.settings}\n`);
  await redis.client.set("session", CONTENT.cache);
  await redis.client.call("ACL", "SETUSER", "reader", "on", `>${PASSWORDS["redis-password"]}`, "~*", "+@all");
  const { server, ca } = makeCertificates();
  const [certificate = "", key = ""] =
    server.match(/-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----\n/g) ?? [];
  await writeFile(join(folder, "live/erp.example.com/fullchain.pem"), certificate + ca);
  await writeFile(join(folder, "live/erp.example.com/privkey.pem"), key);
  keyLine = key.split("\n")[2] ?? "";
});
afterAll(async () => {
  await Promise.all([redis, scratch, sshd].map((server) => server?.[Symbol.asyncDispose]()));
  await rm(folder, { recursive: true, force: true });
});

it("secrets of redis, uploads, configuration and certificates stand nowhere outside the artifacts of their own source", async () => {
  const run = makeRun();
  for (const source of ["cache", "uploads", "settings", "tls"]) {
    const { backup } = await run.backUp(source);
    await check({ job: "check", backup, drillDue: true }, run.services, NEVER);
    expect(await drill({ job: "drill", backup }, run.services, NEVER)).toMatchObject({
      outcome: "identical",
    });
  }
  const refused = await run.backUp("locked").catch((error: Error) => error);
  expect(refused).toMatchObject({ name: "SourceError", code: "AUTH_FAILED" });
  run.note("the error of a refused login", refused);
  const places = await run.places();
  const canaries = { ...PASSWORDS, ...CONTENT, tls: keyLine };
  const leaks = findLeaks(places, canaries);
  expect(leaks.filter(({ place, canary }) => !place.includes(`/${canary}/`))).toEqual([]);
  // The scan reads what it should: both contents are found where they belong.
  expect(new Set(leaks.map(({ canary }) => canary))).toEqual(
    new Set(["cache", "uploads", "settings", "tls"]),
  );
});

it.each(["plain", "hex", "base64"] as const)(
  "the scan finds a canary planted in a log line as %s",
  async (form) => {
    const run = makeRun();
    const bytes = Buffer.from(`before ${CONTENT.uploads} after`);
    run.services.log.info("A line", { form: form === "plain" ? bytes.toString() : bytes.toString(form) });
    expect(findLeaks(await run.places(), CONTENT)).toEqual([{ place: "log", canary: "uploads", form }]);
  },
);

function makeSources() {
  const source = (kind: string, config: object) => ({
    ...{ kind, compute: "fargate" as const },
    config: sourceOf(kind).config.parse(config) as never,
  });
  const { host, port } = redis.server;
  const login = (passwordSecret: string) =>
    source("redis", { reach: { via: "direct", host, port }, user: "reader", passwordSecret });
  return {
    cache: login("redis-password"),
    locked: login("wrong-password"),
    uploads: source("files", { folders: { uploads: join(folder, "uploads") } }),
    settings: source("config", { paths: [join(folder, "settings")] }),
    tls: source("certificates", { acmeFolder: folder }),
  };
}

/** A state bucket of which every write is told. */
function tellWrites(state: StateStore, note: (what: string, value: unknown) => void): StateStore {
  return {
    read: (key, signal) => state.read(key, signal),
    create: (key, value, signal) => {
      note(key, value);
      return state.create(key, value, signal);
    },
    replace: (key, value, etag, signal) => {
      note(key, value);
      return state.replace(key, value, etag, signal);
    },
  };
}

function makeRun() {
  const world = makeJobWorld({
    sourceOf,
    openHost: (signal) => openHost(sshd.host, sshd.privateKey, signal),
    estate: { sources: makeSources() },
  });
  const notes: string[] = [];
  const note = (what: string, value: unknown) => {
    const { message, stack } = value instanceof Error ? value : { message: "", stack: "" };
    notes.push(JSON.stringify([what, value, message, stack]));
  };
  const services = {
    ...world.services,
    drillFolder: join(folder, "scratch"),
    drillAddress: { host: scratch.server.host, port: scratch.server.port },
    secret: async (reference: string) => PASSWORDS[reference as keyof typeof PASSWORDS],
    state: tellWrites(world.state, note),
  };
  const backUp = async (name: string) => {
    const execution = { executionArn: executionArn(name), startedAt: world.clock.now().toISOString() };
    world.executions.set(execution.executionArn, "running");
    const claimed = await claim({ job: "claim", cadence: "daily", execution }, services, NEVER);
    if (claimed.outcome !== "claimed") throw new Error(`the claim ended ${claimed.outcome}`);
    try {
      return await dump({ job: "dump", run: claimed.run, source: name, drillDue: true }, services, NEVER);
    } finally {
      world.executions.set(execution.executionArn, "succeeded");
      world.clock.advance(DAY_MS);
    }
  };
  return { services, backUp, note, places: () => readPlaces(world, notes) };
}

async function readPlaces(world: JobWorld, notes: readonly string[]): Promise<WrittenPlace[]> {
  const stored = (await listKeys(world, "")).map(async (key) => ({
    place: key,
    bytes: (await world.vault.readLatest(key, NEVER))?.bytes ?? Buffer.alloc(0),
  }));
  const texts = {
    log: world.lines,
    answers: [JSON.stringify(world.answers)],
    metrics: [JSON.stringify(world.numbers)],
    "states and errors": notes,
  };
  const written = Object.entries(texts).map(([place, lines]) => ({
    place,
    bytes: Buffer.from(lines.join("\n")),
  }));
  return [...(await Promise.all(stored)), ...written];
}
