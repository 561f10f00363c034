import { existsSync, rmSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import {
  addCredential,
  addExecutions,
  change,
  decryptByOpenssl,
  ENCRYPTION_KEY,
  fillDatabase,
  IDS,
  makeDatabase,
  ODD_NAME,
} from "../../support/n8n-database.ts";
import { type N8nWorld, startN8nPlaces, type TakenN8n } from "../../support/n8n-world.ts";

const DATABASE = "database/database.sqlite";
const WORKFLOWS = "workflows/workflows.json";
const CREDENTIALS = "credentials/credentials.json";
let world: N8nWorld;

beforeAll(async () => {
  world = await startN8nPlaces();
});
beforeEach(() => {
  makeDatabase(world.source);
  fillDatabase(world.source);
});
afterAll(async () => world?.[Symbol.asyncDispose]());

function read({ items }: TakenN8n, sql: string) {
  const path = join(dirname(world.source), "read.sqlite");
  writeFileSync(path, items.get(DATABASE) ?? "");
  try {
    return change(path, (database) =>
      database
        .prepare(sql)
        .all()
        .map((row) => ({ ...row })),
    );
  } finally {
    rmSync(path);
  }
}

it("every part can be read after the last one was asked for, as parts that are read side by side are", async () => {
  await using session = await world.open(world.source, { purpose: "read" });
  const items = await Array.fromAsync(session.dump({ proof: "as-read" }).items);
  for (const item of items) {
    const bytes = "body" in item ? Buffer.concat(await Array.fromAsync(item.body)) : Buffer.alloc(0);
    expect(bytes.length, item.name).toBeGreaterThan(0);
  }
});

it("names with slashes and emoji stand in the files and in no path, credentials in a folder of their own", async () => {
  const { items } = await world.dump();
  expect([...items.keys()]).toEqual([WORKFLOWS, CREDENTIALS, DATABASE]);
  const workflows = JSON.parse(String(items.get(WORKFLOWS)));
  expect(workflows).toHaveLength(2);
  expect(workflows.find(({ id }: { id: string }) => id === IDS.invoices)).toMatchObject({
    name: ODD_NAME,
    active: true,
    nodes: [{ name: "Start" }, { name: "Set / ☂", position: [200, 0] }],
    connections: { Start: { main: [[{ node: "Set / ☂", type: "main", index: 0 }]] } },
  });
  expect(String(items.get(WORKFLOWS))).not.toContain("httpBasicAuth");
  const other = JSON.parse(String(items.get(CREDENTIALS))).find(
    ({ id }: { id: string }) => id === IDS.credential,
  );
  expect(other).toMatchObject({ id: IDS.credential, name: "Mail / 📧" });
  expect(JSON.parse(decryptByOpenssl(other.data, ENCRYPTION_KEY))).toMatchObject({ user: IDS.credential });
});

it("executions are left out, what named them names nothing, and their numbers go on", async () => {
  change(world.source, (database) => {
    addExecutions(database, 2_000);
    database.exec(
      "INSERT INTO chat_hub_messages (id, sessionId, type, name, content, status, executionId) VALUES ('m', 's', 'human', 'n', 'c', 'success', 7)",
    );
  });
  const taken = await world.dump();
  const bytes = [...taken.items.values()].reduce((sum, { length }) => sum + length, 0);
  expect(bytes).toBeLessThan(600_000);
  expect(read(taken, "SELECT count(*) AS rows FROM execution_entity")).toEqual([{ rows: 0 }]);
  expect(read(taken, "SELECT count(*) AS rows FROM execution_data")).toEqual([{ rows: 0 }]);
  expect(read(taken, "SELECT executionId FROM chat_hub_messages")).toEqual([{ executionId: null }]);
  expect(read(taken, "SELECT seq FROM sqlite_sequence WHERE name = 'execution_entity'")).toEqual([
    { seq: 2_020 },
  ]);
  expect(Object.keys(taken.summary.fingerprint).filter((name) => name.startsWith("execution"))).toEqual([]);
});

it("another key than the instance's is no backup, and the error names the credential and no secret", async () => {
  const error: Error = await world.dump({ key: "not-the-key" }).then(
    () => new Error("it was dumped"),
    (reason) => reason,
  );
  expect(error).toMatchObject({ name: "SourceError", code: "UNHEALTHY", facts: { unreadable: 2 } });
  expect(error.message).toContain("erp/n8n-key");
  expect(error.message).toContain(IDS.credential);
  expect(JSON.stringify([error.message, error])).not.toMatch(/not-the-key|the-key-of-the-test|secret of/);
});

it("one credential that an older key made is told by its id", async () => {
  change(world.source, (database) => addCredential(database, "crOld", "Old", { a: 1 }, "older"));
  await expect(world.dump()).rejects.toMatchObject({ facts: { unreadable: 1, ids: ["crOld"] } });
});

it("no key stands in what is stored", async () => {
  const { items, manifest } = await world.dump();
  for (const bytes of [...items.values(), Buffer.from(JSON.stringify(manifest))])
    expect(bytes.includes(ENCRYPTION_KEY)).toBe(false);
});

it("a database that is not there is a failure, and no empty backup", async () => {
  rmSync(world.source);
  await expect(world.dump()).rejects.toMatchObject({ name: "SourceError", code: "MISSING" });
  await using session = await world.open(world.source, { purpose: "read" });
  await expect(session.probe()).rejects.toMatchObject({ code: "MISSING" });
});

it("a damaged database is a failure", async () => {
  writeFileSync(world.source, Buffer.alloc(100_000, "not a database"));
  await expect(world.dump()).rejects.toMatchObject({ name: "IntegrityError", code: "MALFORMED" });
});

it("every dump is one moment while transactions over many pages go on and the log is written back", async () => {
  const writer = new DatabaseSync(world.source);
  writer.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
  let stamp = 0;
  const write = () => {
    stamp += 1;
    writer.exec(
      `BEGIN; UPDATE workflow_entity SET description = '${stamp}', meta = hex(zeroblob(9000));
       UPDATE credentials_entity SET updatedAt = '${stamp}'; UPDATE tag_entity SET createdAt = '${stamp}'; COMMIT`,
    );
  };
  write();
  const timer = setInterval(write, 20);
  const seen = new Set<unknown>();
  try {
    for (let turn = 0; turn < 6; turn++) {
      const taken = await world.dump();
      const stamps = read(
        taken,
        "SELECT description AS stamp FROM workflow_entity UNION SELECT CAST(updatedAt AS TEXT) FROM credentials_entity UNION SELECT CAST(createdAt AS TEXT) FROM tag_entity",
      );
      expect(stamps).toHaveLength(1);
      seen.add(stamps[0]?.stamp);
    }
  } finally {
    clearInterval(timer);
    writer.close();
  }
  expect(seen.size).toBeGreaterThan(1);
});

it("what is only in the log of a running n8n is in the dump", async () => {
  const running = new DatabaseSync(world.source);
  try {
    running.exec("PRAGMA wal_autocheckpoint = 0; UPDATE tag_entity SET name = 'in the log'");
    expect(read(await world.dump(), "SELECT name FROM tag_entity")).toEqual([{ name: "in the log" }]);
  } finally {
    running.close();
  }
});

it("a database that n8n holds in the middle of a rollback journal is no backup by SFTP, and one by sqlite3", async () => {
  const running = new DatabaseSync(world.source);
  try {
    running.exec("PRAGMA journal_mode = DELETE; BEGIN IMMEDIATE; UPDATE tag_entity SET name = 'half done'");
    expect(existsSync(`${world.source}-journal`)).toBe(true);
    await expect(world.dump()).rejects.toMatchObject({ code: "UNHEALTHY" });
    const taken = await world.dump({ config: { copy: "sqlite3" } });
    expect(read(taken, "SELECT name FROM tag_entity")).toEqual([{ name: "finance/🧾" }]);
  } finally {
    running.close();
  }
}, 60_000);

it("the copy that the host's sqlite3 makes is taken away, also that of a killed work", async () => {
  const copy = `${world.source}.backup-estate-copy`;
  writeFileSync(copy, "left by a killed work");
  const taken = await world.dump({ config: { copy: "sqlite3" } });
  expect(read(taken, "SELECT count(*) AS rows FROM workflow_entity")).toEqual([{ rows: 2 }]);
  expect(await readdir(dirname(world.source))).not.toContain("database.sqlite.backup-estate-copy");
});
