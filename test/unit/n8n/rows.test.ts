import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { readRows } from "../../../lambda/engine/n8n/database.ts";

const ROWS = 150;
const LARGE_BYTES = 64_000;
/** A mebibyte of them, and the row that was on its way. */
const LARGE_ROWS_BETWEEN_TURNS = 17;

test("of large rows no more than a mebibyte is read before others get their turn and a stop is heard", async () => {
  const database = makeTable("x".repeat(LARGE_BYTES));
  const stop = new AbortController();
  let read = 0;
  const reading = (async () => {
    for await (const row of readRows(database, "SELECT * FROM workflow", stop.signal)) {
      expect(row).toHaveLength(2);
      read += 1;
      stop.abort();
    }
  })();
  await expect(reading).rejects.toMatchObject({ name: "Cancelled" });
  expect(read).toBe(LARGE_ROWS_BETWEEN_TURNS);
});

test("small rows are read to their end, whatever their number", async () => {
  const rows = readRows(makeTable("small"), "SELECT * FROM workflow", new AbortController().signal);
  expect(await Array.fromAsync(rows)).toHaveLength(ROWS);
});

function makeTable(text: string): DatabaseSync {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE workflow (id INTEGER PRIMARY KEY, nodes TEXT)");
  const insert = database.prepare("INSERT INTO workflow (nodes) VALUES (?)");
  for (let row = 0; row < ROWS; row++) insert.run(text);
  return database;
}
