import { createHash } from "node:crypto";
import { invariant } from "../model/errors.ts";
import type { Stage } from "./stage.ts";

export interface Measured {
  readonly bytes: number;
  /** Hex, of all bytes that passed. */
  readonly sha256: string;
}

/** A stage that passes bytes on unchanged and tells their number and digest after the last. */
export interface Meter {
  readonly stage: Stage;
  /** Bytes that passed so far. */
  bytes(): number;
  /** Only after the stream was read to its end. */
  measured(): Measured;
}

/** A meter for one stream. */
export function makeMeter(): Meter {
  const hash = createHash("sha256");
  let bytes = 0;
  let sha256: string | undefined;
  return {
    stage: async function* meterStage(source) {
      for await (const chunk of source) {
        bytes += chunk.length;
        hash.update(chunk);
        yield chunk;
      }
      sha256 = hash.digest("hex");
    },
    bytes: () => bytes,
    measured() {
      invariant(sha256 !== undefined, "a stream was measured before it was read to its end");
      return { bytes, sha256 };
    },
  };
}

/** SHA-256 of bytes in memory, hex. */
export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
