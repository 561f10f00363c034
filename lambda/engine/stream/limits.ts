import { IntegrityError } from "../model/errors.ts";
import type { Bytes, Stage } from "./stage.ts";

/**
 * Passes exactly `expectedBytes` on. A longer stream fails before a byte too many is passed, a shorter one at its
 * end: `IntegrityError` SIZE_MISMATCH or STREAM_TRUNCATED. `what` names the stream in the message.
 */
export function exactly(expectedBytes: number, what: string): Stage {
  return async function* exactlyStage(source) {
    let bytes = 0;
    for await (const chunk of source) {
      bytes += chunk.length;
      if (bytes > expectedBytes) throw wrongSize("SIZE_MISMATCH", what, expectedBytes, `at least ${bytes}`);
      yield chunk;
    }
    if (bytes < expectedBytes) throw wrongSize("STREAM_TRUNCATED", what, expectedBytes, `${bytes}`);
  };
}

function wrongSize(
  code: "SIZE_MISMATCH" | "STREAM_TRUNCATED",
  what: string,
  expectedBytes: number,
  got: string,
): IntegrityError {
  return new IntegrityError(
    code,
    `${what} has ${got} bytes, expected ${expectedBytes}. Do not restore from it; take another recovery point.`,
    { facts: { what, expectedBytes, got } },
  );
}

/** The whole stream in memory; more than `limitBytes` is `IntegrityError` SIZE_MISMATCH. */
export async function collect(source: Bytes, limitBytes: number, what: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > limitBytes) throw wrongSize("SIZE_MISMATCH", what, limitBytes, `at least ${bytes}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}
