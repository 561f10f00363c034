import { IntegrityError } from "../../model/errors.ts";
import { malformed, truncated, unsupported } from "./faults.ts";
import { readModuleValues } from "./module-value.ts";
import { type Reading, readBlob, readString } from "./strings.ts";
import { SOON_BYTES, unreadable, VALUES } from "./values.ts";
import type { KeyHead, RdbVisitor } from "./visitor.ts";
import { ByteWindow } from "./window.ts";

/** Redis 4 writes 8, Redis 8.4 writes 12. */
const OLDEST_VERSION = 6;
const NEWEST_VERSION = 12;
const HEADER_BYTES = 9;
const CHECKSUM_BYTES = 8;
/** Of a value that is only passed over. */
const IGNORED = { element: () => {} };

/** The opcodes between keys (rdb.h). */
const OPCODE = {
  slotInfo: 244,
  library: 245,
  oldLibrary: 246,
  moduleAuxiliary: 247,
  idle: 248,
  frequency: 249,
  auxiliary: 250,
  sizes: 251,
  expiresMs: 252,
  expires: 253,
  database: 254,
  end: 255,
} as const;

/** What is known of an RDB once it was read to its end. */
export interface RdbFacts {
  /** Of the format, e.g. 10 for Redis 7.0. */
  readonly version: number;
  /** `off` where the server has `rdbchecksum no`. */
  readonly checksum: "right" | "off";
}

/** What was said of the next key. */
type Attributes = { -readonly [Name in "expiresAtMs" | "idleSeconds" | "frequency"]?: number };

/**
 * Decodes an RDB while it is fed, in constant memory, and tells a visitor what it holds.
 *
 * `push` and `finish` throw `IntegrityError` MALFORMED, DIGEST_MISMATCH, STREAM_TRUNCATED or TRAILING_BYTES, and
 * `SourceError` UNSUPPORTED for what a newer Redis or a module of old times wrote.
 */
export class RdbDecoder {
  readonly #window = new ByteWindow();
  readonly #visitor: RdbVisitor;
  readonly #reading: Reading<RdbFacts>;
  #wanted = HEADER_BYTES;
  #facts: RdbFacts | undefined;

  constructor(visitor: RdbVisitor) {
    this.#visitor = visitor;
    this.#reading = this.#read();
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#window.append(chunk);
    this.#refuseTrailing();
    while (this.#facts === undefined && this.#window.left >= this.#wanted) this.#goOn();
    this.#refuseTrailing();
  }

  /** Ends the input. */
  finish(): RdbFacts {
    while (this.#facts === undefined) {
      const before = this.#window.offset;
      this.#goOn();
      if (this.#facts === undefined && this.#window.left === 0 && this.#window.offset === before)
        throw truncated(before);
    }
    this.#refuseTrailing();
    return this.#facts;
  }

  #goOn(): void {
    this.#window.join();
    const step = this.#reading.next();
    if (step.done === true) this.#facts = step.value;
    else this.#wanted = step.value;
  }

  #refuseTrailing(): void {
    if (this.#facts === undefined || this.#window.left === 0) return;
    throw new IntegrityError(
      "TRAILING_BYTES",
      `The RDB goes on for ${this.#window.left} bytes or more after its end. Do not restore from it; take another backup.`,
    );
  }

  *#read(): Reading<RdbFacts> {
    const version = yield* this.#readHeader();
    let database = 0;
    let attributes: Attributes = {};
    for (;;) {
      const window = this.#window;
      if (window.left < SOON_BYTES) yield SOON_BYTES;
      const opcode = window.byte();
      if (opcode === OPCODE.end) return yield* this.#readChecksum(version);
      if (opcode === OPCODE.database) database = window.count();
      else if (opcode < OPCODE.slotInfo) {
        yield* this.#readKey(opcode, { database, ...attributes });
        attributes = {};
      } else if (!this.#readAttribute(opcode, attributes)) yield* this.#readOther(opcode);
    }
  }

  *#readHeader(): Reading<number> {
    if (this.#window.left < HEADER_BYTES) yield HEADER_BYTES;
    const header = this.#window.take(HEADER_BYTES).toString("latin1");
    const digits = /^REDIS(\d{4})$/.exec(header)?.[1];
    if (digits === undefined) throw malformed("it does not begin with REDIS and a version", 0);
    const version = Number(digits);
    if (version >= OLDEST_VERSION && version <= NEWEST_VERSION) return version;
    throw unsupported(
      `the format ${version}`,
      `This version reads ${OLDEST_VERSION} to ${NEWEST_VERSION}, which Redis 3 to 8.4 write.`,
    );
  }

  *#readChecksum(version: number): Reading<RdbFacts> {
    const window = this.#window;
    const expected = window.digest();
    if (window.left < CHECKSUM_BYTES) yield CHECKSUM_BYTES;
    const got = window.uint64();
    if (got === 0n) return { version, checksum: "off" };
    if (got === expected) return { version, checksum: "right" };
    throw new IntegrityError(
      "DIGEST_MISMATCH",
      `The RDB says that its CRC-64 is ${got.toString(16)}, its bytes have ${expected.toString(16)}. They were changed; take another backup.`,
    );
  }

  /** Whether the opcode says something of the next key. */
  #readAttribute(opcode: number, attributes: Attributes): boolean {
    const window = this.#window;
    if (opcode === OPCODE.expiresMs) attributes.expiresAtMs = Number(window.int64());
    else if (opcode === OPCODE.expires) attributes.expiresAtMs = window.uint32() * 1000;
    else if (opcode === OPCODE.idle) attributes.idleSeconds = window.count();
    else if (opcode === OPCODE.frequency) attributes.frequency = window.byte();
    else return false;
    return true;
  }

  *#readOther(opcode: number): Reading {
    const window = this.#window;
    if (opcode === OPCODE.sizes) [window.count(), window.count()];
    else if (opcode === OPCODE.slotInfo) [window.count(), window.count(), window.count()];
    else if (opcode === OPCODE.auxiliary) {
      const name = yield* readString(window);
      const value = yield* readString(window);
      this.#visitor.auxiliary(name.toString(), value.toString());
    } else if (opcode === OPCODE.library) this.#visitor.library(yield* readBlob(window));
    else if (opcode === OPCODE.moduleAuxiliary) {
      window.long();
      yield* readModuleValues(window, IGNORED);
    } else throw unsupported("functions of a release candidate of Redis 7", "Dump from a released version.");
  }

  *#readKey(encoding: number, said: Attributes & { readonly database: number }): Reading {
    const window = this.#window;
    const value = VALUES[encoding];
    if (value === undefined) throw unreadable(encoding, window);
    const key = yield* readBlob(window);
    const head: KeyHead = { ...said, key, type: value.type, encoding };
    this.#visitor.begin(head);
    if (this.#visitor.raw !== undefined) window.startRecording((bytes) => this.#visitor.raw?.(bytes));
    yield* value.read(window, this.#visitor);
    window.stopRecording();
    this.#visitor.end();
  }
}
