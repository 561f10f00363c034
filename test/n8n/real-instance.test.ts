import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ODD_NAME } from "../support/n8n-database.ts";
import { type N8nWorld, startN8nPlaces, type TakenN8n } from "../support/n8n-world.ts";
import { type RealN8n, realN8n } from "../support/real-n8n.ts";

const KEY = "the-key-of-the-real-one";
const CREDENTIALS = [
  { id: "crMail00", name: "Mail / 📧", type: "httpBasicAuth", data: { user: "robot", password: "s3cret-ü" } },
  { id: "crBank00", name: ODD_NAME, type: "httpHeaderAuth", data: { name: "x", value: "token-9" } },
];
const WORKFLOWS = ["wfFirst0", "wfSecond"].map((id, index) => ({
  ...{ id, name: index === 0 ? ODD_NAME : "Mail", active: false, settings: { executionOrder: "v1" } },
  nodes: [
    {
      id: "n1",
      name: "Start",
      type: "n8n-nodes-base.manualTrigger",
      typeVersion: 1,
      position: [0, 0],
      parameters: {},
    },
    {
      id: "n2",
      name: "No / ☂",
      type: "n8n-nodes-base.noOp",
      typeVersion: 1,
      position: [index, 9],
      parameters: {},
    },
  ],
  connections: { Start: { main: [[{ node: "No / ☂", type: "main", index: 0 }]] } },
  tags: [{ id: "tagFin00", name: "finance/🧾" }],
}));

let root: string;
let world: N8nWorld;
let live: RealN8n;
let taken: TakenN8n;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "backup-estate-real-n8n-"));
  world = await startN8nPlaces();
  live = placeOf("live");
  fill(live);
  // An execution, which must not be in the backup.
  live.run("execute", "--id=wfFirst0");
  await using running = await live.start();
  expect(await (await fetch(`${running.url}/healthz`)).json()).toEqual({ status: "ok" });
  taken = await world.dump({ key: KEY, config: { database: live.database } });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

function placeOf(name: string, key = KEY, environment: Readonly<Record<string, string>> = {}): RealN8n {
  const folder = join(root, name);
  mkdirSync(join(folder, ".n8n"), { recursive: true });
  return realN8n(folder, key, environment);
}

function importInto(n8n: RealN8n, what: "workflow" | "credentials", content: string | Buffer): void {
  const input = join(n8n.folder, `import-${what}.json`);
  writeFileSync(input, content);
  n8n.run(`import:${what}`, `--input=${input}`);
}

function fill(n8n: RealN8n): void {
  importInto(n8n, "credentials", JSON.stringify(CREDENTIALS));
  importInto(n8n, "workflow", JSON.stringify(WORKFLOWS));
}

it("an instance that runs is dumped, and its database starts another one with all that it had", async () => {
  const restored = placeOf("restored");
  await world.restore(taken, { key: KEY, config: { database: restored.database } });
  await using running = await restored.start();
  expect((await fetch(`${running.url}/healthz/readiness`)).ok).toBe(true);
  for (const what of ["workflow", "credentials"] as const)
    expect(restored.exported(what), what).toEqual(live.exported(what));
  expect(restored.exported("credentials", "--decrypted")).toMatchObject(
    CREDENTIALS.toSorted((left, right) => left.id.localeCompare(right.id)),
  );
});

it("what n8n imports of the artifacts is what it had", () => {
  const imported = placeOf("imported");
  importInto(imported, "credentials", taken.items.get("credentials/credentials.json") ?? "");
  importInto(imported, "workflow", taken.items.get("workflows/workflows.json") ?? "");
  expect(imported.exported("credentials", "--decrypted")).toEqual(
    live.exported("credentials", "--decrypted"),
  );
  const content = (n8n: RealN8n) =>
    n8n.exported("workflow").map((one) => {
      const { id, name, nodes, connections, settings } = one as Record<string, unknown>;
      return { id, name, nodes, connections, settings };
    });
  expect(content(imported)).toEqual(content(live));
});

it("n8n itself cannot open the credentials with another key, and neither is there a backup", async () => {
  const other = placeOf("other", "another-key");
  mkdirSync(dirname(other.database), { recursive: true });
  await world.restore(taken, { key: KEY, config: { database: other.database } });
  expect(() => other.exported("credentials", "--decrypted")).toThrow();
  await expect(
    world.dump({ key: "another-key", config: { database: other.database } }),
  ).rejects.toMatchObject({ code: "UNHEALTHY", facts: { unreadable: CREDENTIALS.length } });
});

it("credentials of an instance whose keys rotate are opened by its wrapped keys", async () => {
  const rotating = placeOf("rotating", KEY, { N8N_ENV_FEAT_ENCRYPTION_KEY_ROTATION: "true" });
  await (await rotating.start())[Symbol.asyncDispose]();
  fill(rotating);
  const { summary, items } = await world.dump({ key: KEY, config: { database: rotating.database } });
  expect(String(items.get("credentials/credentials.json"))).toMatch(/"data":"[A-Za-z0-9_-]+:/);
  expect(summary.fingerprint.credentials_entity).toMatchObject({ count: 2, options: { decrypted: 2 } });
});
