import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import { parseJsonText } from "../model/json.ts";
import { listTables, readRows, selectAll, type Table } from "./database.ts";
import { CREDENTIALS_TABLE } from "./fingerprint-database.ts";
import { CHUNK_BYTES } from "./limits.ts";

/** A database of SQLite that n8n starts with: all that a restore reads. */
export const DATABASE_ITEM = "database/database.sqlite";

/** What `n8n import:workflow --input` and `import:credentials --input` take; never in one folder. */
export const EXPORTS: readonly { readonly item: string; readonly table: string }[] = [
  { item: "workflows/workflows.json", table: "workflow_entity" },
  { item: "credentials/credentials.json", table: CREDENTIALS_TABLE },
];

/** Columns that hold JSON as text, by n8n's entities; `data` of a credential is no such one: it is encrypted. */
const JSON_COLUMNS = new Set([
  "nodes",
  "connections",
  "settings",
  "staticData",
  "pinData",
  "meta",
  "nodeGroups",
]);
const BOOLEAN_COLUMNS = new Set(["active", "isArchived", "isManaged", "isGlobal", "isResolvable"]);

/** A table as a JSON array, an object a line; names stand in it and in no path. */
export async function* exportTable(
  database: DatabaseSync,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const table = listTables(database).find((one) => one.name === name);
  let chunk = "[";
  let separator = "\n";
  if (table !== undefined)
    for await (const row of readRows(database, selectAll(table), signal)) {
      chunk += separator + JSON.stringify(toObject(table, row));
      separator = ",\n";
      if (chunk.length < CHUNK_BYTES) continue;
      yield Buffer.from(chunk);
      chunk = "";
    }
  yield Buffer.from(`${chunk}\n]\n`);
}

function toObject({ columns }: Table, row: readonly SQLOutputValue[]): Record<string, unknown> {
  return Object.fromEntries(columns.map((column, index) => [column, toJson(column, row[index] ?? null)]));
}

function toJson(column: string, value: SQLOutputValue): unknown {
  if (typeof value === "bigint") return BOOLEAN_COLUMNS.has(column) ? value === 1n : Number(value);
  if (typeof value === "string" && JSON_COLUMNS.has(column)) return parseJsonText(value) ?? value;
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
}
