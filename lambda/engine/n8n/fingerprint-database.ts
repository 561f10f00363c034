import type { DatabaseSync } from "node:sqlite";
import type { Fingerprint } from "../model/fingerprint.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import { type Decrypt, keyIdOf, openCipher, type WrappedKey } from "./cipher.ts";
import { listTables, type Row, readRows, selectAll, type Table } from "./database.ts";
import { NAMED_LIMIT } from "./limits.ts";
import { RowEncoder } from "./row-encoder.ts";
import { isExecutionTable } from "./slim-copy.ts";

/** The table whose column `data` n8n encrypts. */
export const CREDENTIALS_TABLE = "credentials_entity";
const KEYS_TABLE = "deployment_key";

export interface JudgeTools {
  readonly encryptionKey: string;
  readonly signal: AbortSignal;
  newContent(): ContentHash;
}

export interface Judged {
  readonly fingerprint: Fingerprint;
  readonly rows: number;
  /** Of credentials that the key does not open, the first few; ids are no secret. */
  readonly unreadable: { readonly count: number; readonly ids: readonly string[] };
}

/** Every row of every table but executions, and whether the key opens every credential. */
export async function judgeDatabase(database: DatabaseSync, tools: JudgeTools): Promise<Judged> {
  const fingerprint: Record<string, Fingerprint[string]> = {};
  const unreadable: string[] = [];
  const encoder = new RowEncoder();
  const decrypt = openCipher(tools.encryptionKey, readWrappedKeys(database));
  let [rows, unreadableCount] = [0, 0];
  for (const table of listTables(database).filter((one) => !isExecutionTable(one))) {
    const content = tools.newContent();
    const isReadable = readableBy(table, decrypt);
    let closed = 0;
    for await (const row of readRows(database, selectAll(table), tools.signal)) {
      const record = encoder.encode(row);
      content.addAll(record, [record.length]);
      if (isReadable(row)) continue;
      closed += 1;
      if (unreadable.length < NAMED_LIMIT) unreadable.push(idOf(table, row));
    }
    const opened = table.name === CREDENTIALS_TABLE && {
      encryptionKey: keyIdOf(tools.encryptionKey),
      decrypted: content.count - closed,
    };
    fingerprint[table.name] = toNamespace(table, content, { sql: table.sql, ...opened });
    rows += content.count;
    unreadableCount += closed;
  }
  return { fingerprint, rows, unreadable: { count: unreadableCount, ids: unreadable } };
}

function toNamespace(
  { indexes }: Table,
  content: ContentHash,
  options: Readonly<Record<string, string | number>>,
): Fingerprint[string] {
  const { count, bytes } = content;
  return {
    kind: "table",
    ...{ count, bytes },
    contentHash: content.digest(),
    options,
    indexes: indexes.map((sql) => ({ sql })),
  };
}

/** n8n 1 has no such table. */
function readWrappedKeys(database: DatabaseSync): WrappedKey[] {
  if (!listTables(database).some(({ name }) => name === KEYS_TABLE)) return [];
  const rows = database
    .prepare(`SELECT id, value, algorithm FROM ${KEYS_TABLE} WHERE type = 'data_encryption' ORDER BY id`)
    .all();
  return rows.map(({ id, value, algorithm }) => ({
    ...{ id: String(id), value: String(value) },
    algorithm: String(algorithm),
  }));
}

function readableBy({ name, columns }: Table, decrypt: Decrypt): (row: Row) => boolean {
  if (name !== CREDENTIALS_TABLE) return () => true;
  const at = columns.indexOf("data");
  return (row) => decrypt(String(row[at] ?? "")) !== undefined;
}

function idOf({ columns }: Table, row: Row): string {
  return String(row[columns.indexOf("id")]);
}
