import { setTimeout as pause } from "node:timers/promises";
import type { FileFacts, FileSystem } from "../host/file-system.ts";
import { followLinks } from "../host/follow-links.ts";
import { SourceError, throwIfAborted } from "../model/errors.ts";
import type { Place } from "./find.ts";
import { type Pair, readPair } from "./pair.ts";

/** A PEM file is a few kilobytes. */
const FILE_LIMIT_BYTES = 2 * 1024 * 1024;
/** A renewal replaces two files, one after the other: a pair that does not fit is read again. */
const READ_ATTEMPTS = 3;
const RETRY_PAUSE_MS = 1_000;

export interface PemFile {
  readonly bytes: Buffer;
  readonly facts: FileFacts;
}

/** One domain as it lies on the host. */
export interface Found {
  readonly domain: string;
  readonly chain: PemFile;
  readonly key: PemFile;
  readonly pair: Pair;
}

/** Chain and key of one domain, proven to belong together. Throws `SourceError` MISSING, FORBIDDEN, UNSUPPORTED. */
export async function readFound(place: Place, files: FileSystem, signal: AbortSignal): Promise<Found> {
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(signal);
    const chain = await readPem(place.chain, files);
    const key = await readPem(place.key, files);
    try {
      return { domain: place.domain, chain, key, pair: readPair(place.domain, chain.bytes, key.bytes) };
    } catch (error) {
      if (attempt === READ_ATTEMPTS) throw error;
    }
    await pause(RETRY_PAUSE_MS, undefined, { signal });
  }
}

async function readPem(path: string, files: FileSystem): Promise<PemFile> {
  const place = await followLinks(path, files);
  const handle = await files.open(Buffer.from(place));
  try {
    const facts = await handle.facts();
    if (facts.bytes > FILE_LIMIT_BYTES)
      throw new SourceError(
        "UNSUPPORTED",
        `${path} has ${facts.bytes} bytes, expected at most ${FILE_LIMIT_BYTES} of a PEM file. Correct its path.`,
      );
    return { bytes: await handle.read(0, FILE_LIMIT_BYTES), facts };
  } finally {
    await handle.close();
  }
}
