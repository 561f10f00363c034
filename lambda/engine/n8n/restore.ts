import { createReadStream, createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { FileSystem } from "../host/file-system.ts";
import { giveOwnerOf, removeIfThere, writeNewFile } from "../host/new-file.ts";
import { IntegrityError, RefusedError } from "../model/errors.ts";
import { compareFingerprints, type Fingerprint, type FingerprintDifference } from "../model/fingerprint.ts";
import type { Progress, RestoreItem, RestoreReport, RestoreRequest } from "../sources/source.ts";
import { exactly } from "../stream/limits.ts";
import { chain } from "../stream/stage.ts";
import { openDatabase, requireSound } from "./database.ts";
import { CREDENTIALS_TABLE, type Judged, type JudgeTools, judgeDatabase } from "./fingerprint-database.ts";
import { DATABASE_ITEM } from "./layout.ts";

export interface RestoreTools extends JudgeTools {
  readonly files: FileSystem;
  /** Where the database belongs. */
  readonly database: string;
  /** An empty folder on the worker's disk. */
  readonly scratch: string;
  readonly keySecret: string;
  readonly newName: () => string;
  /** Whether the place holds no workflow and no credential. */
  isEmpty(): Promise<boolean>;
  /** Throws `RefusedError` TARGET_IN_USE where n8n may still run. */
  requireStopped(): Promise<void>;
  progress(event: Progress): void;
}

/**
 * Puts the database of a backup in its place; n8n must not run. It is read whole, compared with the manifest and
 * tried with the key before anything on the host is touched, and takes its place by a rename.
 */
export async function restoreDatabase(tools: RestoreTools, request: RestoreRequest): Promise<RestoreReport> {
  const item = findDatabase(request.items);
  const path = join(tools.scratch, "restored.sqlite");
  await pipeline(
    chain(item.open(), exactly(item.plainBytes, item.name)),
    createWriteStream(path, { mode: 0o600 }),
    {
      signal: tools.signal,
    },
  );
  const judged = await judgeFile(path, item.name, tools);
  requireEqual(request.manifest.fingerprint, judged.fingerprint, tools.keySecret);
  if (request.guard === "refuse-non-empty" && !(await tools.isEmpty())) throw notEmpty(tools.database);
  await tools.requireStopped();
  await request.beforeChange?.();
  await putInPlace(path, tools);
  await request.beforeReplay?.();
  return { records: judged.rows, replayedOperations: 0, bytes: item.plainBytes };
}

function findDatabase(items: readonly RestoreItem[]): RestoreItem {
  const found = items.find(({ name }) => name === DATABASE_ITEM);
  if (found !== undefined) return found;
  throw new IntegrityError(
    "ARTIFACT_MISSING",
    `The backup is not complete: ${DATABASE_ITEM} is missing. Do not use this backup; take another one.`,
  );
}

/** Judges a database on the worker's disk. Throws `IntegrityError` MALFORMED. */
export async function judgeFile(path: string, what: string, tools: JudgeTools): Promise<Judged> {
  // With a log beside it, which only a connection that writes takes in.
  const database = await openDatabase(path, "write");
  try {
    requireSound(database, what);
    return await judgeDatabase(database, tools);
  } finally {
    database.close();
  }
}

function requireEqual(expected: Fingerprint, got: Fingerprint, keySecret: string): void {
  const differences = compareFingerprints(expected, got);
  const [first] = differences;
  if (first === undefined) return;
  if (differences.every(isKeyOnly)) throw otherKey(keySecret);
  throw new IntegrityError(
    "FINGERPRINT_DIFFERS",
    `${DATABASE_ITEM} does not hold what its manifest says: ${first.namespace} differs in ${first.aspect}. Nothing was changed. Do not use this backup; take another one.`,
    { facts: { namespace: first.namespace, aspect: first.aspect } },
  );
}

function isKeyOnly({ namespace, aspect }: FingerprintDifference): boolean {
  return namespace === CREDENTIALS_TABLE && aspect === "options";
}

function otherKey(keySecret: string): IntegrityError {
  return new IntegrityError(
    "FINGERPRINT_DIFFERS",
    `The backup's credentials were encrypted with another key than the secret ${keySecret} holds now. Nothing was changed. Put the key of that time back: an earlier version of the secret in AWS Secrets Manager has it.`,
    { facts: { keySecret } },
  );
}

function notEmpty(database: string): RefusedError {
  return new RefusedError(
    "TARGET_NOT_EMPTY",
    `${database} holds workflows or credentials already; none were expected. Say that they may be replaced, or name another database as a target in estate.yaml.`,
    { facts: { database } },
  );
}

async function putInPlace(local: string, tools: RestoreTools): Promise<void> {
  const { files, database, progress } = tools;
  const fresh = Buffer.from(`${database}.${tools.newName()}`);
  const onBytes = (bytes: number) => progress({ phase: "restore", name: DATABASE_ITEM, bytes });
  try {
    await writeNewFile(fresh, createReadStream(local), { files, signal: tools.signal, onBytes });
    await giveOwnerOf(database, fresh, files);
    // Before the rename: the log of the old database, found beside the new one, would be written into it.
    for (const end of ["-wal", "-shm", "-journal"]) await removeIfThere(Buffer.from(database + end), files);
    await files.rename(fresh, Buffer.from(database));
  } catch (error) {
    await removeIfThere(fresh, files).catch(() => undefined);
    throw error;
  }
}
