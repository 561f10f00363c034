import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

const SCHEMA = readFileSync(new URL("n8n-2.40.5.sql", import.meta.url), "utf8");

/** The instance's key of every database here. */
export const ENCRYPTION_KEY = "the-key-of-the-test";

/** Names that would be a path, and letters outside of the first plane. */
export const ODD_NAME = "Invoices/2026/../⚙️🧾 فواتير";

/** Ids of what `fillDatabase` makes. */
export const IDS = { invoices: "wfInvoices", mail: "wfMail", credential: "crMail", other: "crBank" } as const;

/** Makes a database of n8n 2.40.5 without anything in it, as its migrations leave it; what was there is gone. */
export function makeDatabase(path: string): void {
  for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(path + end, { force: true });
  change(path, (database) => {
    database.exec("PRAGMA journal_mode = WAL");
    database.exec(SCHEMA);
  });
}

/** Works on a database as n8n does, and closes it. */
export function change<Result>(path: string, work: (database: DatabaseSync) => Result): Result {
  const database = new DatabaseSync(path, { enableForeignKeyConstraints: false });
  try {
    return work(database);
  } finally {
    database.close();
  }
}

/** Two workflows, two credentials, a tag, a user, and executions ten times as large. */
export function fillDatabase(path: string, key = ENCRYPTION_KEY): void {
  change(path, (database) => {
    addWorkflow(database, IDS.invoices, ODD_NAME);
    addWorkflow(database, IDS.mail, "Mail");
    for (const [id, name] of [
      [IDS.credential, "Mail / 📧"],
      [IDS.other, ODD_NAME],
    ] as const)
      addCredential(database, id, name, { user: id, password: `secret of ${name}` }, key);
    database.exec("INSERT INTO tag_entity (id, name) VALUES ('tag1', 'finance/🧾')");
    database.prepare("INSERT INTO workflows_tags VALUES (?, 'tag1')").run(IDS.invoices);
    database.exec(
      "INSERT INTO user (id, email, roleSlug) VALUES ('u1', 'owner@example.com', 'global:owner')",
    );
    addExecutions(database, 20);
  });
}

export function addWorkflow(database: DatabaseSync, id: string, name: string, padding = ""): void {
  const nodes = [
    { id: "n1", name: "Start", type: "n8n-nodes-base.manualTrigger", position: [0, 0], parameters: {} },
    { id: "n2", name: "Set / ☂", type: "n8n-nodes-base.set", position: [200, 0], parameters: { padding } },
  ];
  const connections = { Start: { main: [[{ node: "Set / ☂", type: "main", index: 0 }]] } };
  database
    .prepare(
      "INSERT INTO workflow_entity (id, name, active, nodes, connections, settings, versionId) VALUES (?, ?, 1, ?, ?, '{}', 'v1')",
    )
    .run(id, name, JSON.stringify(nodes), JSON.stringify(connections));
}

/** A credential as n8n stores it, encrypted by openssl: not by the code that is judged. */
export function addCredential(
  database: DatabaseSync,
  id: string,
  name: string,
  data: object,
  key = ENCRYPTION_KEY,
): void {
  database
    .prepare("INSERT INTO credentials_entity (id, name, data, type) VALUES (?, ?, ?, 'httpBasicAuth')")
    .run(id, name, encryptByOpenssl(JSON.stringify(data), key));
}

export function addExecutions(database: DatabaseSync, count: number): void {
  const entity = database.prepare(
    "INSERT INTO execution_entity (workflowId, finished, mode, status) VALUES (?, 1, 'manual', 'success') RETURNING id",
  );
  const data = database.prepare(
    "INSERT INTO execution_data (executionId, workflowData, data) VALUES (?, '{}', ?)",
  );
  for (let n = 0; n < count; n++) {
    const { id } = entity.get(IDS.invoices) as { id: number };
    data.run(id, Buffer.alloc(2_000).fill(`run ${n} `).toString());
  }
}

/** Openssl's own AES-256-CBC with a key by EVP_BytesToKey and MD5. */
export function encryptByOpenssl(text: string, key: string): string {
  return openssl(["-e"], Buffer.from(text), key).toString();
}

export function decryptByOpenssl(data: string, key: string): string {
  return openssl(["-d"], Buffer.from(data), key).toString();
}

function openssl(way: readonly string[], input: Buffer, key: string): Buffer {
  const args = ["enc", ...way, "-aes-256-cbc", "-md", "md5", "-a", "-A", "-pass", `pass:${key}`];
  return execFileSync("openssl", args, { input, stdio: ["pipe", "pipe", "ignore"] });
}

/** What a database holds without executions, by the command line of SQLite alone. */
export function judgeByShell(path: string): Record<string, string> {
  const shell = (sql: string) => execFileSync("sqlite3", [path, sql], { maxBuffer: 2 ** 30 }).toString();
  const tables = shell("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'");
  const kept = tables
    .trim()
    .split("\n")
    .filter((name) => !/^(execution_|test_)/.test(name));
  return Object.fromEntries(
    kept.sort().map((name) => [name, shell(`SELECT hex(sha3_query('SELECT * FROM "${name}" ORDER BY 1'))`)]),
  );
}
