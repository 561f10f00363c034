import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";
import { readRows } from "../../../lambda/engine/n8n/database.ts";

async function readAndClose(stop: boolean) {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE t (n); INSERT INTO t VALUES (1), (2), (3)");
  const ending = new AbortController();
  const rows = readRows(database, "SELECT n FROM t", ending.signal);
  await rows.next();
  if (stop) ending.abort();
  database.close();
  return await rows.next();
}

it("a table whose database was closed because the dump was stopped says that it was stopped", async () => {
  await expect(readAndClose(true)).rejects.toMatchObject({ name: "Cancelled" });
});

it("a database that is closed for any other reason is a failure", async () => {
  await expect(readAndClose(false)).rejects.not.toMatchObject({ name: "Cancelled" });
});
