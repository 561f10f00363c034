import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import { setImmediate as turn } from "node:timers/promises";
import { IntegrityError, throwIfAborted } from "../model/errors.ts";
import { BYTES_A_TURN, ROWS_A_TURN } from "./limits.ts";

export type Row = readonly SQLOutputValue[];

export interface Table {
  readonly name: string;
  /** What made it, and what made its indexes and triggers. */
  readonly sql: string;
  readonly indexes: readonly string[];
  /** Without those that SQLite computes. */
  readonly columns: readonly string[];
  /** Of these, those that name an execution, which is not in a backup. */
  readonly loose: readonly string[];
}

/** Opens a database on the worker's disk. SQLite is loaded here, so that synth never loads it. */
export async function openDatabase(path: string, mode: "read" | "write"): Promise<DatabaseSync> {
  const { DatabaseSync: Database } = await import("node:sqlite");
  return new Database(path, { readOnly: mode === "read", enableForeignKeyConstraints: false });
}

/** Tables of n8n, in order of name; none of SQLite's own. */
export function listTables(database: DatabaseSync): Table[] {
  return readAll(database, TABLES).map(([name, sql]) => ({
    name: String(name),
    sql: String(sql),
    indexes: namesOf(database, INDEXES, String(name)),
    columns: namesOf(database, COLUMNS, String(name)),
    loose: namesOf(database, EXECUTION_REFERENCES, String(name)),
  }));
}

const TABLES =
  "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
const INDEXES =
  "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY name";
const COLUMNS = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid";
/** n8n itself prunes executions, and SQLite then sets these to nothing. */
const EXECUTION_REFERENCES =
  "SELECT \"from\" FROM pragma_foreign_key_list(?) WHERE \"table\" = 'execution_entity' AND on_delete = 'SET NULL' ORDER BY 1";

/** All rows of a table as they are without executions. */
export function selectAll({ name, columns, loose }: Table, schema = "main"): string {
  const list = columns.map((column) => (loose.includes(column) ? `NULL AS ${quote(column)}` : quote(column)));
  return `SELECT ${list.join(", ")} FROM ${schema}.${quote(name)}`;
}

function namesOf(database: DatabaseSync, sql: string, table: string): string[] {
  return readAll(database, sql, table).map(([name]) => String(name));
}

/** The rows of a query, one at a time, with whole numbers as bigints; lets others work in between. */
export async function* readRows(
  database: DatabaseSync,
  sql: string,
  signal: AbortSignal,
): AsyncGenerator<Row> {
  const statement = database.prepare(sql);
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  let rows = 0;
  let bytes = 0;
  for (const row of statement.iterate() as Iterable<unknown> as Iterable<Row>) {
    yield row;
    rows += 1;
    bytes += sizeOf(row);
    if (rows < ROWS_A_TURN && bytes < BYTES_A_TURN) continue;
    rows = 0;
    bytes = 0;
    await turn();
    throwIfAborted(signal);
  }
}

/** About so many bytes: of what a row's texts and blobs hold. */
function sizeOf(row: Row): number {
  let bytes = 0;
  for (const value of row)
    if (typeof value === "string" || value instanceof Uint8Array) bytes += value.length;
  return bytes;
}

/** Throws `IntegrityError` MALFORMED where the file is no database, or a damaged one. */
export function requireSound(database: DatabaseSync, what: string): void {
  const found = soundnessOf(database);
  if (found === "ok") return;
  throw new IntegrityError(
    "MALFORMED",
    `${what} is damaged: SQLite says ${found}, expected ok. Nothing was overwritten. Take another backup; of a live database see the host's disk.`,
    { facts: { got: found } },
  );
}

function soundnessOf(database: DatabaseSync): string {
  try {
    return String(readAll(database, "PRAGMA quick_check(1)")[0]?.[0]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function readAll(database: DatabaseSync, sql: string, ...values: string[]): Row[] {
  const statement = database.prepare(sql);
  statement.setReturnArrays(true);
  return statement.all(...values) as unknown as Row[];
}

/** As SQL names a table or column. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
