import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { FileSystem } from "../../../lambda/engine/host/file-system.ts";
import { LocalFiles } from "../../../lambda/engine/host/local-files.ts";
import { fetchDatabase } from "../../../lambda/engine/n8n/fetch-database.ts";

const NEVER = new AbortController().signal;
let folder: string;
let live: DatabaseSync;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "backup-estate-fetch-"));
  live = new DatabaseSync(join(folder, "live.sqlite"));
  live.exec("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
  live.exec("CREATE TABLE account (id INTEGER PRIMARY KEY, money INTEGER, padding TEXT)");
  // An account a page, so that what moves between two is on two pages.
  for (let id = 1; id <= 20; id++)
    live.prepare("INSERT INTO account VALUES (?, 100, ?)").run(id, "x".repeat(3_000));
});
afterEach(() => {
  live.close();
  rmSync(folder, { recursive: true, force: true });
});

function move(from: number, to: number): void {
  live.exec(
    `BEGIN; UPDATE account SET money = money - 7 WHERE id = ${from}; UPDATE account SET money = money + 7 WHERE id = ${to}; COMMIT`,
  );
}

/** Calls `work` each time after the database itself was read, before its log is. */
function betweenBoth(work: (reading: number) => void): FileSystem {
  const files = new LocalFiles();
  let reading = 0;
  return new Proxy<FileSystem>(files, {
    get: (target, name) => {
      if (name !== "open") return Reflect.get(target, name, target).bind(target);
      return async (path: Buffer) => {
        const handle = await target.open(path);
        if (!path.toString().endsWith("live.sqlite")) return handle;
        const close = async () => {
          await handle.close();
          work(++reading);
        };
        return { ...handle, close };
      };
    },
  });
}

async function fetchSums(work: (reading: number) => void) {
  const target = join(folder, "copy.sqlite");
  await fetchDatabase(join(folder, "live.sqlite"), target, { files: betweenBoth(work), signal: NEVER });
  const copy = new DatabaseSync(target);
  try {
    const accounts = copy
      .prepare("SELECT money FROM account ORDER BY id")
      .all()
      .map(({ money }) => money as number);
    return { sum: accounts.reduce((sum, money) => sum + money, 0), first: accounts.slice(0, 3) };
  } finally {
    copy.close();
  }
}

it("a log that was cut between both readings is seen, and both are read again", async () => {
  let readings = 0;
  const found = await fetchSums((reading) => {
    readings = reading;
    if (reading > 1) return;
    move(1, 2);
    live.exec("PRAGMA wal_checkpoint(RESTART)");
    // The new log holds the second account with both changes, and the first one not at all.
    move(2, 3);
  });
  expect(found).toEqual({ sum: 2_000, first: [93, 100, 107] });
  expect(readings).toBe(2);
});

it("pages that came into the database without a cut of the log are one moment in one reading", async () => {
  let readings = 0;
  const found = await fetchSums((reading) => {
    readings = reading;
    move(1, 2);
    live.exec("PRAGMA wal_checkpoint(PASSIVE)");
  });
  expect(found).toEqual({ sum: 2_000, first: [93, 107, 100] });
  expect(readings).toBe(1);
});

it("a database whose log is cut at every reading is a failure that says what to do", async () => {
  const always = fetchSums(() => {
    move(1, 2);
    live.exec("PRAGMA wal_checkpoint(RESTART)");
    move(2, 3);
  });
  await expect(always).rejects.toMatchObject({
    name: "SourceError",
    code: "UNHEALTHY",
    message: expect.stringContaining("copy: sqlite3"),
  });
});
