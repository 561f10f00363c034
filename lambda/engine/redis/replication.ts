import { SourceError } from "../model/errors.ts";
import type { RedisConnection } from "./connection.ts";
import { ReplyError } from "./resp.ts";
import { translateReply } from "./translate-error.ts";

const MARK_BYTES = 40;
const EOF_HEADER = /^\$EOF:(.{40})$/;
const LENGTH_HEADER = /^\$(\d{1,15})$/;

/**
 * Asks for a full copy as a replica does, and yields the RDB, no byte more. The connection is of no other use then.
 *
 * `capa eof` lets the server send without a file on its disk. `rdb-only` (Redis 7) keeps it from collecting for us
 * what is written meanwhile: however slowly we read, no output-buffer limit cuts us off.
 *
 * Throws `SourceError`; CONNECTION_LOST also when the server ends before the RDB does.
 */
export async function* pullRdb(connection: RedisConnection): AsyncGenerator<Buffer> {
  await connection.call("REPLCONF", "capa", "eof", "capa", "psync2");
  const rdbOnly = await connection.ask("REPLCONF", "rdb-only", "1");
  if (rdbOnly instanceof ReplyError && !/unrecognized/i.test(rdbOnly.message))
    throw translateReply(rdbOnly.message, connection.nameOf("REPLCONF rdb-only"));
  await connection.start("PSYNC", "?", "-1");
  const answer = await connection.readLine();
  if (answer.startsWith("-")) throw translateReply(answer.slice(1), connection.nameOf("PSYNC"));
  if (!answer.startsWith("+FULLRESYNC ")) throw unexpected(answer, connection.where);
  const header = await connection.readLine();
  const mark = EOF_HEADER.exec(header)?.[1];
  if (mark !== undefined) {
    yield* untilMark(connection.readBytes(), Buffer.from(mark, "latin1"));
    return;
  }
  const length = LENGTH_HEADER.exec(header)?.[1];
  if (length === undefined) throw unexpected(header, connection.where);
  yield* untilLength(connection.readBytes(), Number(length));
}

/** Holds back as many bytes as the mark has: only what comes after them shows that they are not it. */
async function* untilMark(source: AsyncIterable<Buffer>, mark: Buffer): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    const keep = Math.min(MARK_BYTES, bytes.length);
    if (keep > 0 && bytes.length > keep) yield bytes.subarray(0, bytes.length - keep);
    held = bytes.subarray(bytes.length - keep);
    if (held.equals(mark)) return;
  }
}

async function* untilLength(source: AsyncIterable<Buffer>, length: number): AsyncGenerator<Buffer> {
  let left = length;
  if (left === 0) return;
  for await (const chunk of source) {
    const own = chunk.length > left ? chunk.subarray(0, left) : chunk;
    left -= own.length;
    yield own;
    if (left === 0) return;
  }
}

function unexpected(answer: string, where: string): SourceError {
  return new SourceError(
    "UNSUPPORTED",
    `The server at ${where} answered PSYNC with ${JSON.stringify(answer.slice(0, 60))}, expected a full copy. Redis 6 to 8 are supported.`,
    { facts: { answer: answer.slice(0, 60) } },
  );
}
