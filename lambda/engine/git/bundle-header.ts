import { createHash } from "node:crypto";
import { IntegrityError } from "../model/errors.ts";

/** A header has a line for each ref and each commit that the bundle builds upon. */
const HEADER_BYTES_LIMIT = 32 * 1024 ** 2;
const DIGEST_BYTES = { sha1: 20, sha256: 32 } as const;

export interface BundleHeader {
  readonly objectFormat: "sha1" | "sha256";
  /** Id by ref, as they were when the bundle was made. */
  readonly refs: Readonly<Record<string, string>>;
}

/** A bundle as it is read: its header, then the pack. */
export interface OpenBundle {
  readonly header: BundleHeader;
  /** Throws `IntegrityError` at its end where the digest that the pack ends in is not that of its bytes. */
  readonly pack: AsyncIterable<Uint8Array>;
}

/**
 * Reads the header of a bundle, version 2 or 3, and hands on the rest. Source: git, "gitformat-bundle", "gitformat-pack".
 * Throws `IntegrityError` MALFORMED.
 */
export async function openBundle(name: string, body: AsyncIterable<Uint8Array>): Promise<OpenBundle> {
  const chunks = body[Symbol.asyncIterator]();
  let read = Buffer.alloc(0);
  while (endOfHeader(read) < 0) {
    const { value, done } = await chunks.next();
    if (done === true || read.length > HEADER_BYTES_LIMIT) throw malformed(name, "its header has no end");
    read = Buffer.concat([read, value]);
  }
  const end = endOfHeader(read);
  const header = parseHeader(name, read.subarray(0, end).toString("utf8"));
  const rest = read.subarray(end + 2);
  return { header, pack: verifyPack(name, header.objectFormat, rest, chunks) };
}

/** Where the empty line begins that a header ends with. */
function endOfHeader(bytes: Buffer): number {
  return bytes.indexOf("\n\n");
}

function parseHeader(name: string, text: string): BundleHeader {
  const [signature = "", ...others] = text.split("\n");
  if (!/^# v[23] git bundle$/.test(signature))
    throw malformed(name, `it begins with ${signature.slice(0, 40)}`);
  const refs: Record<string, string> = {};
  let objectFormat: BundleHeader["objectFormat"] = "sha1";
  for (const line of others) {
    if (line === "@object-format=sha256") objectFormat = "sha256";
    if (line.startsWith("@") || line.startsWith("-")) continue;
    const [id = "", ref = ""] = [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)];
    refs[ref] = id;
  }
  return { objectFormat, refs };
}

async function* verifyPack(
  name: string,
  objectFormat: BundleHeader["objectFormat"],
  first: Buffer,
  others: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const hash = createHash(objectFormat);
  const digestBytes = DIGEST_BYTES[objectFormat];
  let held = Buffer.alloc(0);
  for (let chunk: Uint8Array | undefined = first; chunk !== undefined; ) {
    if (chunk.length > 0) yield chunk;
    const seen: Buffer = Buffer.concat([held, chunk]);
    const known = Math.max(0, seen.length - digestBytes);
    hash.update(seen.subarray(0, known));
    held = Buffer.from(seen.subarray(known));
    const next = await others.next();
    chunk = next.done === true ? undefined : next.value;
  }
  if (hash.digest().equals(held)) return;
  throw new IntegrityError(
    "DIGEST_MISMATCH",
    `The pack of ${name} does not have the digest that it ends in. Nothing was changed; take another recovery point.`,
    { facts: { name } },
  );
}

function malformed(name: string, why: string): IntegrityError {
  return new IntegrityError(
    "MALFORMED",
    `${name} is no bundle of git: ${why}. Nothing was changed; take another recovery point.`,
    { facts: { name } },
  );
}

/** A pack of no objects. Source: git, "gitformat-pack". */
export function emptyPack(objectFormat: BundleHeader["objectFormat"]): Buffer {
  const head = Buffer.from([0x50, 0x41, 0x43, 0x4b, 0, 0, 0, 2, 0, 0, 0, 0]);
  return Buffer.concat([head, createHash(objectFormat).update(head).digest()]);
}
