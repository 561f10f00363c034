import { IntegrityError } from "../model/errors.ts";
import type { Stage } from "./stage.ts";

const MAGIC = 0xfd2fb528;
const BLOCK_HEADER_BYTES = 3;
const CHECKSUM_BYTES = 4;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;

/**
 * Lets exactly one whole zstd frame through, found by its own headers (RFC 8878 §3.1.1). Bytes after it are
 * TRAILING_BYTES, an early end is STREAM_TRUNCATED, anything else is MALFORMED, all `IntegrityError`.
 *
 * Node's decoder returns only the first of two frames, and swallows garbage behind it, without an error.
 */
export const oneZstdFrame: Stage = async function* oneZstdFrameStage(source) {
  const walk = walkFrame();
  for await (const chunk of source) {
    walk.feed(chunk);
    yield chunk;
  }
  walk.end();
};

interface FrameWalk {
  feed(chunk: Uint8Array): void;
  end(): void;
}

type State = "magic" | "descriptor" | "header" | "block" | "body" | "checksum" | "done";

/** What is read next: fields are gathered in full, bodies are skipped. */
interface Step {
  readonly state: State;
  readonly bytes: number;
}

function walkFrame(): FrameWalk {
  const field = Buffer.alloc(14);
  let step: Step = { state: "magic", bytes: 4 };
  let taken = 0;
  let checksum = false;
  let lastBlock = false;

  const afterBlock = (): Step => {
    if (!lastBlock) return { state: "block", bytes: BLOCK_HEADER_BYTES };
    return checksum ? { state: "checksum", bytes: CHECKSUM_BYTES } : { state: "done", bytes: 0 };
  };

  const next = (): Step => {
    switch (step.state) {
      case "magic":
        if (field.readUInt32LE(0) !== MAGIC) throw malformed("it does not start with a frame's magic number");
        return { state: "descriptor", bytes: 1 };
      case "descriptor": {
        const descriptor = field.readUInt8(0);
        if (descriptor & 0b1000) throw malformed("a reserved bit of its frame header is set");
        checksum = (descriptor & 0b100) !== 0;
        return { state: "header", bytes: headerBytes(descriptor) };
      }
      case "header":
        return { state: "block", bytes: BLOCK_HEADER_BYTES };
      case "block": {
        const header = field.readUIntLE(0, BLOCK_HEADER_BYTES);
        const type = (header >> 1) & 3;
        if (type === RESERVED_BLOCK) throw malformed("it has a block of the reserved type");
        lastBlock = (header & 1) === 1;
        return { state: "body", bytes: type === RLE_BLOCK ? 1 : header >>> 3 };
      }
      case "body":
        return afterBlock();
      default:
        return { state: "done", bytes: 0 };
    }
  };

  return {
    feed(chunk) {
      let at = 0;
      while (at < chunk.length) {
        if (step.state === "done") throw trailing();
        const length = Math.min(step.bytes - taken, chunk.length - at);
        if (step.state !== "body") field.set(chunk.subarray(at, at + length), taken);
        at += length;
        taken += length;
        while (step.state !== "done" && taken === step.bytes) {
          step = next();
          taken = 0;
        }
      }
    },
    end() {
      if (step.state !== "done") throw truncated();
    },
  };
}

/** Bytes between the descriptor and the first block. */
function headerBytes(descriptor: number): number {
  const singleSegment = (descriptor & 0b10_0000) !== 0;
  const sizeFlag = descriptor >>> 6;
  const dictionary = DICTIONARY_ID_BYTES[descriptor & 3] ?? 0;
  const contentSize = singleSegment && sizeFlag === 0 ? 1 : (CONTENT_SIZE_BYTES[sizeFlag] ?? 0);
  return (singleSegment ? 0 : 1) + dictionary + contentSize;
}

function malformed(why: string): IntegrityError {
  return new IntegrityError(
    "MALFORMED",
    `The stored stream is not one zstd frame: ${why}. Take another recovery point.`,
  );
}

function trailing(): IntegrityError {
  return new IntegrityError(
    "TRAILING_BYTES",
    "The stored stream goes on after the end of its zstd frame; expected exactly one frame. Take another recovery point.",
  );
}

function truncated(): IntegrityError {
  return new IntegrityError(
    "STREAM_TRUNCATED",
    "The stored stream ends inside its zstd frame; expected a whole frame. Take another recovery point.",
  );
}
