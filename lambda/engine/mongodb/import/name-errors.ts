import { IntegrityError } from "../../model/errors.ts";
import type { Stage } from "../../stream/stage.ts";

const COPY_AGAIN =
  "Copy it again from where the dump was written and compare the sizes; if it is the same there, dump again. No backup was made of it.";

/** What a fault of a compressed or cut stream means to whoever holds the file. */
const MEANINGS: Partial<Record<IntegrityError["code"], string>> = {
  STREAM_TRUNCATED: `is cut: it ends before its content does. ${COPY_AGAIN}`,
  DIGEST_MISMATCH: `is damaged: its bytes are not those that were written. ${COPY_AGAIN}`,
  MALFORMED: `is damaged: its bytes are not those that were written, or it was packed by something else than gzip or zstd. ${COPY_AGAIN}`,
  TRAILING_BYTES: `goes on after its end: expected one gzip member or zstd frame and nothing behind it. Import each dump from a file of its own; if it is one dump, copy it again. No backup was made of it.`,
  SIZE_MISMATCH: `changed while it was read: it has grown. Import a file that nobody writes to. No backup was made of it.`,
};

/**
 * Says of which file an `IntegrityError` of reading and unpacking is, and what to do about that file: such a stage speaks of
 * what the vault stores, where another recovery point could be taken. Code, facts and cause stay.
 */
export function nameErrors(name: string): Stage {
  return async function* nameErrorsStage(source) {
    try {
      yield* source;
    } catch (cause) {
      if (!(cause instanceof IntegrityError)) throw cause;
      const meaning = MEANINGS[cause.code];
      const message = meaning === undefined ? `${name}: ${cause.message}` : `${name} ${meaning}`;
      throw new IntegrityError(cause.code, message, { cause, facts: cause.facts });
    }
  };
}
