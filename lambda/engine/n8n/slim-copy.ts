import { setImmediate as turn } from "node:timers/promises";
import { throwIfAborted } from "../model/errors.ts";
import { listTables, openDatabase, quote, requireSound, selectAll, type Table } from "./database.ts";

/**
 * Tables of which a backup holds no row: what ran, and the results of tests that belong to runs. They are most of a
 * database, and n8n prunes them by itself. Names are those of n8n 1 and 2; one that is not there is no fault.
 */
const EXECUTION_TABLES: ReadonlySet<string> = new Set([
  "execution_entity",
  "execution_data",
  "execution_metadata",
  "execution_annotations",
  "execution_annotation_tags",
  "test_run",
  "test_case_execution",
]);

export function isExecutionTable({ name }: Pick<Table, "name">): boolean {
  return EXECUTION_TABLES.has(name);
}

/**
 * Writes all of a database but its executions into a new one at `target`; the work is that of what is kept.
 * Throws `IntegrityError` MALFORMED where `source` is damaged.
 */
export async function copyWithoutExecutions(
  source: string,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  // A log beside it is taken in when it is opened to write.
  const original = await openDatabase(source, "write");
  const copy = await openDatabase(target, "write");
  try {
    requireSound(original, "The copy of n8n's database");
    const tables = listTables(original);
    const views = original.prepare("SELECT sql FROM sqlite_master WHERE type = 'view' ORDER BY name").all();
    original.close();
    copy.exec("PRAGMA journal_mode = OFF");
    copy.prepare("ATTACH DATABASE ? AS original").run(source);
    for (const table of tables) {
      throwIfAborted(signal);
      copy.exec(table.sql);
      if (!isExecutionTable(table)) copy.exec(copyRows(table));
      await turn();
    }
    copyCounters(copy);
    for (const { sql } of views) copy.exec(String(sql));
    for (const sql of tables.flatMap(({ indexes }) => indexes)) copy.exec(sql);
    copy.exec("DETACH DATABASE original");
  } finally {
    if (original.isOpen) original.close();
    copy.close();
  }
}

function copyRows(table: Table): string {
  const list = table.columns.map(quote).join(", ");
  return `INSERT INTO main.${quote(table.name)} (${list}) ${selectAll(table, "original")}`;
}

/** What AUTOINCREMENT gave out last, also of rows that are left out: an id must not come twice. */
function copyCounters(copy: Awaited<ReturnType<typeof openDatabase>>): void {
  const has = (schema: string) =>
    copy.prepare(`SELECT 1 FROM ${schema}.sqlite_master WHERE name = 'sqlite_sequence'`).get() !== undefined;
  if (!has("original") || !has("main")) return;
  copy.exec("DELETE FROM main.sqlite_sequence");
  copy.exec("INSERT INTO main.sqlite_sequence SELECT * FROM original.sqlite_sequence");
}
