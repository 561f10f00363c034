import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { IntegrityError } from "../lambda/engine/model/errors.ts";
import type { Artifact } from "../lambda/engine/model/manifest.ts";
import { decompress } from "../lambda/engine/stream/codec.ts";
import { exactly } from "../lambda/engine/stream/limits.ts";
import { makeMeter } from "../lambda/engine/stream/meter.ts";
import { type Bytes, chain } from "../lambda/engine/stream/stage.ts";
import type { Vault } from "../lambda/engine/vault/vault.ts";

export interface FileToFetch {
  readonly path: string;
  readonly artifacts: readonly Artifact[];
  readonly decompress: boolean;
}

export interface FetchedFile {
  readonly state: "fetched" | "already there";
  readonly bytes: number;
}

/**
 * Fetches one file under a temporary name, proves size and SHA-256 of the stored bytes, then gives it its name. A file
 * that is there is kept when it proves the same: stored files by digest, decompressed ones by size, as only proven
 * bytes ever got the name.
 */
export async function fetchFile(vault: Vault, file: FileToFetch, signal: AbortSignal): Promise<FetchedFile> {
  if (await isThere(file, signal)) return { state: "already there", bytes: 0 };
  const partial = `${file.path}.partial`;
  const bytes = file.artifacts.reduce((sum, artifact) => sum + artifact.storedBytes, 0);
  try {
    await pipeline(readAll(vault, file, signal), createWriteStream(partial), { signal });
    await rename(partial, file.path);
    return { state: "fetched", bytes };
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

async function* readAll(vault: Vault, file: FileToFetch, signal: AbortSignal): Bytes {
  for (const artifact of file.artifacts) yield* readProven(vault, artifact, file.decompress, signal);
}

async function* readProven(vault: Vault, artifact: Artifact, plain: boolean, signal: AbortSignal): Bytes {
  const what = `${artifact.key} (version ${artifact.versionId})`;
  const meter = makeMeter();
  const stored = chain(vault.read(artifact, signal), exactly(artifact.storedBytes, what), meter.stage);
  yield* plain
    ? chain(stored, decompress(artifact.codec, signal), exactly(artifact.plainBytes, what))
    : stored;
  const { sha256 } = meter.measured();
  if (sha256 === artifact.sha256) return;
  throw new IntegrityError(
    "DIGEST_MISMATCH",
    `${what} has SHA-256 ${sha256}, expected ${artifact.sha256}. Its bytes were changed; take another backup, or this one from the replica.`,
    { facts: { key: artifact.key, versionId: artifact.versionId } },
  );
}

async function isThere(file: FileToFetch, signal: AbortSignal): Promise<boolean> {
  const found = await stat(file.path).catch(() => undefined);
  if (found === undefined) return false;
  const expected = (of: "plainBytes" | "storedBytes") =>
    file.artifacts.reduce((sum, artifact) => sum + artifact[of], 0);
  if (file.decompress) return found.size === expected("plainBytes");
  if (found.size !== expected("storedBytes")) return false;
  const meter = makeMeter();
  for await (const _ of chain(createReadStream(file.path, { signal }), meter.stage));
  return meter.measured().sha256 === file.artifacts[0]?.sha256;
}
