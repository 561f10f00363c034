import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";
import { streamPieces } from "../files/read-file.ts";
import type { FileFacts, FileSystem } from "../host/file-system.ts";
import { SourceError } from "../model/errors.ts";
import { COPY_ATTEMPTS, RETRY_PAUSE_MS, WAL_HEADER_BYTES } from "./limits.ts";

export interface FetchTools {
  readonly files: FileSystem;
  readonly signal: AbortSignal;
}

/**
 * Copies a database that may be in use to `target` on the worker's disk, with its write-ahead log beside it, as of one
 * moment. Throws `SourceError` MISSING, and UNHEALTHY where it did not stand still for one reading.
 *
 * With a log: pages come into the database only from a log that is not cut meanwhile, whose header would then have
 * another salt. So the database first, then the log, and the same header before and after: every page that was half
 * new is in the log. Without one: no log or journal before and after, and two readings with one digest.
 */
export async function fetchDatabase(path: string, target: string, tools: FetchTools): Promise<void> {
  for (let attempt = 1; attempt <= COPY_ATTEMPTS; attempt++) {
    await Promise.all([target, `${target}-wal`].map((file) => rm(file, { force: true })));
    if (await fetchOnce(path, target, tools)) return;
    if (attempt < COPY_ATTEMPTS) await pause(RETRY_PAUSE_MS * attempt, undefined, { signal: tools.signal });
  }
  throw new SourceError(
    "UNHEALTHY",
    `The database ${path} changed under every one of ${COPY_ATTEMPTS} readings, expected one without a cut of its log. Set \`copy: sqlite3\` in estate.yaml, or prune n8n's executions.`,
    { facts: { path, attempts: COPY_ATTEMPTS } },
  );
}

async function fetchOnce(path: string, target: string, tools: FetchTools): Promise<boolean> {
  const log = `${path}-wal`;
  const before = await readHeader(log, tools.files);
  if (before === undefined) return await fetchResting(path, target, tools);
  await fetchFile(path, target, tools);
  await fetchFile(log, `${target}-wal`, tools);
  const after = await readHeader(log, tools.files);
  return after?.equals(before) === true;
}

async function fetchResting(path: string, target: string, tools: FetchTools): Promise<boolean> {
  const digests: (string | undefined)[] = [];
  for (let reading = 1; reading <= 2; reading++) {
    if (!(await isResting(path, tools.files))) return false;
    await rm(target, { force: true });
    digests.push(await fetchFile(path, target, tools));
  }
  return (await isResting(path, tools.files)) && digests[0] === digests[1];
}

async function isResting(path: string, files: FileSystem): Promise<boolean> {
  const [log, journal] = await Promise.all(
    ["-wal", "-journal"].map((end) => files.stat(Buffer.from(path + end))),
  );
  return (log?.bytes ?? 0) === 0 && journal === undefined;
}

/** Undefined where there is no log, or none with a header. */
async function readHeader(log: string, files: FileSystem): Promise<Buffer | undefined> {
  const path = Buffer.from(log);
  if (((await files.stat(path))?.bytes ?? 0) < WAL_HEADER_BYTES) return undefined;
  const handle = await files.open(path);
  const header = await handle.read(0, WAL_HEADER_BYTES).finally(() => handle.close());
  return header.length === WAL_HEADER_BYTES ? header : undefined;
}

/** Copies as much as the file has now; its digest. */
async function fetchFile(path: string, target: string, { files, signal }: FetchTools): Promise<string> {
  const handle = await files.open(Buffer.from(path));
  const hash = createHash("sha256");
  try {
    const { bytes } = await handle.facts();
    await pipeline(
      streamPieces(handle, bytes),
      async function* digest(pieces: AsyncIterable<Buffer>) {
        for await (const piece of pieces) {
          hash.update(piece);
          yield piece;
        }
      },
      createWriteStream(target, { mode: 0o600 }),
      { signal },
    );
  } finally {
    await handle.close();
  }
  return hash.digest("hex");
}

/** What is at the path of a database; throws `SourceError` MISSING where it is nothing, or no file. */
export async function requireDatabase(path: string, files: FileSystem): Promise<FileFacts> {
  const facts = await files.stat(Buffer.from(path));
  if (facts?.type === "file") return facts;
  throw new SourceError(
    "MISSING",
    `${path} is ${facts === undefined ? "not there" : `a ${facts.type}`}, expected n8n's database. See that the volume is mounted, and what \`database\` says in estate.yaml.`,
    { facts: { path } },
  );
}
