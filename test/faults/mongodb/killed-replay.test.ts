import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, it } from "vitest";
import { makeSeededRandom } from "../../support/bytes.ts";
import { takeChanges } from "../../support/mongodb-changes.ts";
import { useServerPair } from "../../support/mongodb-pair.ts";
import { judgeServer, sortIndexes } from "../../support/oracle.ts";
import { DEFINITIONS, makeItems, NAMES, WRITES } from "../../support/random-operations.ts";

const pair = useServerPair();
const KILLS = 5;
const LATEST_KILL_MS = 1_500;
const BULK = 12_000;
const seed = Number(process.env.SEED ?? 20261126);
const random = makeSeededRandom(seed);
const WORKER = join(import.meta.dirname, "../../support/restore-worker.ts");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "backup-estate-replay-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function perform(list: typeof WRITES, n: number): Promise<void> {
  const name = NAMES[n % NAMES.length] ?? NAMES[0];
  const { client } = pair;
  const operation = list[Math.floor(random() * list.length)];
  await operation?.({ client, shop: client.db("shop"), name, id: Math.floor(random() * 40), n, random });
}

/** A base and two slices of long histories, as files. */
async function prepare(): Promise<void> {
  const shop = pair.client.db("shop");
  for (const name of NAMES) await shop.collection(name).insertMany(makeItems(random, 0, 20) as never[]);
  for (let n = 0; n < 10; n++) await perform(DEFINITIONS, n);
  const base = await pair.dumpSource();
  await keep("base", base.items);
  let until = base.summary.to;
  const slices = new Map<string, Buffer>();
  for (const half of [1, 2]) {
    for (let n = 0; n < 15; n++) await perform(n % 2 === 0 ? WRITES : DEFINITIONS, 100 * half + n);
    const bulk = Array.from({ length: BULK }, (_, n) => ({ _id: half * BULK + n, n }));
    await shop.collection<{ _id: number; n: number }>("bulk").insertMany(bulk);
    await shop.collection("bulk").updateMany({}, { $inc: { n: 1 } });
    await shop.collection("bulk").createIndex({ n: half }, { name: `by n ${half}` });
    const note = { appendOplogNote: 1, data: {} };
    await pair.client.db("admin").command(note, { writeConcern: { w: "majority" } } as never);
    const { items, summary } = await takeChanges(pair.sourceUri, until);
    for (const bytes of items.values()) slices.set(`slice ${half}`, bytes);
    until = summary.to;
  }
  await keep("slices", slices);
  await writeFile(join(folder, "plan.json"), JSON.stringify({ summary: base.summary, until }));
}

async function keep(name: string, items: ReadonlyMap<string, Buffer>): Promise<void> {
  await mkdir(join(folder, name));
  for (const [item, bytes] of items) await writeFile(join(folder, name, encodeURIComponent(item)), bytes);
}

/** Runs the worker; `killAfterMs`: as a power cut, so long after its replay began. Answers what it said last. */
async function run(killAfterMs?: number): Promise<string> {
  const child = spawn(process.execPath, [WORKER, folder, new URL(pair.targetUri).port], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  let last = "";
  for await (const line of createInterface({ input: child.stdout })) {
    const begins = line === "replay" && last !== "replay";
    last = line;
    if (!begins || killAfterMs === undefined) continue;
    void sleep(killAfterMs).then(() => child.kill("SIGKILL"));
  }
  await ended;
  return last;
}

it(`a recovery whose worker was killed while it replayed ends exactly right when it runs again (seed ${seed})`, async () => {
  await prepare();
  const wanted = sortIndexes((await judgeServer(pair.sourceUri)).namespaces);
  let killed = 0;
  for (let round = 0; round < KILLS; round++) {
    if ((await run(Math.floor(random() * LATEST_KILL_MS))) === "replay") killed += 1;
    await using client = new MongoClient(pair.targetUri);
    expect((await client.db("admin").admin().listDatabases()).databases.length).toBeGreaterThan(0);
  }
  expect(killed).toBeGreaterThan(0);
  expect(await run()).toBe("done");
  expect(sortIndexes((await judgeServer(pair.targetUri)).namespaces)).toEqual(wanted);
});
