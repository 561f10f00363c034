import { IntegrityError, SourceError } from "../../model/errors.ts";

const NEXT = "Do not restore from it; take another backup, and look into the server's log.";

/** Bytes that no Redis writes; `at` is the offset in the RDB, where it is known. */
export function malformed(what: string, at?: number): IntegrityError {
  const place = at === undefined ? "" : ` at byte ${at}`;
  return new IntegrityError("MALFORMED", `The RDB is damaged${place}: ${what}. ${NEXT}`, { facts: { at } });
}

export function truncated(at: number): IntegrityError {
  return new IntegrityError("STREAM_TRUNCATED", `The RDB ends at byte ${at}, before its end mark. ${NEXT}`, {
    facts: { at },
  });
}

/** What this version does not read, though a Redis may have written it. */
export function unsupported(what: string, remedy: string): SourceError {
  return new SourceError("UNSUPPORTED", `The RDB holds ${what}, which is not supported. ${remedy}`, {
    facts: { what },
  });
}
