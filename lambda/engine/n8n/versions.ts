import type { DatabaseSync } from "node:sqlite";
import { VERSIONS } from "./limits.ts";

const LAST_MIGRATION = "SELECT name FROM migrations ORDER BY id DESC LIMIT 1";

/** The format, and the last migration of n8n: a database of a newer n8n is not for an older one. */
export function versionsOf(database: DatabaseSync): Record<string, string> {
  const known = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").get();
  const last = known && database.prepare(LAST_MIGRATION).get();
  return { ...VERSIONS, ...(last && { migration: String(last.name) }) };
}
