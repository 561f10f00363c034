import type { Fingerprint, NamespaceFingerprint } from "../model/fingerprint.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import type { KeyHead, RdbVisitor } from "./rdb/visitor.ts";

const FUNCTIONS = "functions";
const BATCH_BYTES = 16 * 1024;
const EMPTY = Buffer.alloc(0);

/**
 * Sums the records of an RDB to a fingerprint that knows neither their order nor their encoding: a record is a key with
 * type, end of life and content; of anything but a string the content is the sum of its elements. Namespaces are
 * `db<number>/<type>`, and `functions`.
 *
 * With `endedAtMs`, keys and fields of hashes that had ended by then are left out.
 */
export class KeyspaceFingerprint implements RdbVisitor {
  readonly #newContent: () => ContentHash;
  readonly #endedAtMs: () => number;
  readonly #namespaces = new Map<string, Records>();
  /** When the server wrote the RDB: milliseconds of the epoch, cut to the second; told before the keys. */
  takenAtMs: number | undefined;
  #head: KeyHead | undefined;
  readonly #elements: Records;
  #count = 0;
  #value: Buffer = EMPTY;

  constructor(newContent: () => ContentHash, endedAtMs: () => number = () => Number.NEGATIVE_INFINITY) {
    this.#newContent = newContent;
    this.#endedAtMs = endedAtMs;
    this.#elements = new Records(newContent());
  }

  auxiliary(name: string, value: string): void {
    if (name === "ctime") this.takenAtMs = Number(value) * 1000;
  }

  library(code: Buffer): void {
    this.#namespace(FUNCTIONS, FUNCTIONS).add(code, EMPTY, EMPTY);
  }

  begin(head: KeyHead): void {
    this.#head = head;
    this.#count = 0;
    if (head.type !== "string") this.#elements.restart(this.#newContent());
  }

  element(first: Buffer, second: Buffer = EMPTY, endsAtMs = 0): void {
    if (endsAtMs !== 0 && endsAtMs <= this.#endedAtMs()) return;
    this.#count += 1;
    if (this.#head?.type === "string") this.#value = first;
    else this.#elements.add(first, second, this.#mark(endsAtMs));
  }

  end(): void {
    const head = this.#head;
    if (head === undefined || this.#hasEnded(head)) return;
    const { type, database, key, expiresAtMs } = head;
    const namespace = this.#namespace(`db${database}/${type}`, type);
    namespace.elements += this.#count;
    if (expiresAtMs !== undefined) namespace.expiring += 1;
    if (type !== "string") namespace.bytes += this.#elements.bytes;
    const content = type === "string" ? this.#value : Buffer.from(this.#elements.digest(), "latin1");
    namespace.add(key, content, Buffer.from(String(expiresAtMs ?? ""), "latin1"));
  }

  /** Of all that was told. */
  fingerprint(): Fingerprint {
    const entries = [...this.#namespaces].map(([name, records]) => [name, records.toFingerprint()] as const);
    return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  /** What tells two equal elements apart: a place in a list, an end of life in a hash. */
  #mark(endsAtMs: number): Buffer {
    if (this.#head?.type === "list" || this.#head?.type === "module")
      return Buffer.from(String(this.#count), "latin1");
    return endsAtMs === 0 ? EMPTY : Buffer.from(String(endsAtMs), "latin1");
  }

  #hasEnded({ type, expiresAtMs }: KeyHead): boolean {
    if (type === "hash" && this.#count === 0) return true;
    return expiresAtMs !== undefined && expiresAtMs <= this.#endedAtMs();
  }

  #namespace(name: string, kind: string): Records {
    const found = this.#namespaces.get(name);
    if (found !== undefined) return found;
    const made = new Records(this.#newContent(), kind);
    this.#namespaces.set(name, made);
    return made;
  }
}

/** Framed records on their way into a content hash; batched, because they are small and many. */
class Records {
  #content: ContentHash;
  readonly #kind: string;
  readonly #batch = Buffer.allocUnsafe(BATCH_BYTES);
  #filled = 0;
  #ends: number[] = [];
  bytes = 0;
  elements = 0;
  expiring = 0;

  constructor(content: ContentHash, kind = "") {
    this.#content = content;
    this.#kind = kind;
  }

  /** Forgets everything and sums into `content` from now on. */
  restart(content: ContentHash): void {
    this.#content = content;
    this.#filled = 0;
    this.#ends = [];
    this.bytes = 0;
  }

  add(first: Buffer, second: Buffer, third: Buffer): void {
    const bytes = first.length + second.length + third.length;
    this.bytes += bytes;
    const size = bytes + 8;
    if (size > BATCH_BYTES) {
      const frame = Buffer.allocUnsafe(size);
      write(frame, 0, first, second, third);
      this.#content.addAll(frame, [size]);
      return;
    }
    if (this.#filled + size > BATCH_BYTES) this.#flush();
    write(this.#batch, this.#filled, first, second, third);
    this.#filled += size;
    this.#ends.push(this.#filled);
  }

  digest(): string {
    this.#flush();
    return this.#content.digest();
  }

  toFingerprint(): NamespaceFingerprint {
    const contentHash = this.digest();
    const options = { elements: this.elements, expiring: this.expiring };
    return {
      kind: this.#kind,
      count: this.#content.count,
      bytes: this.bytes,
      contentHash,
      options,
      indexes: [],
    };
  }

  #flush(): void {
    this.#content.addAll(this.#batch.subarray(0, this.#filled), this.#ends);
    this.#filled = 0;
    this.#ends = [];
  }
}

/** Two lengths before three parts: no two records look the same. */
function write(target: Buffer, at: number, first: Buffer, second: Buffer, third: Buffer): void {
  target.writeUInt32LE(first.length, at);
  target.writeUInt32LE(second.length, at + 4);
  target.set(first, at + 8);
  target.set(second, at + 8 + first.length);
  target.set(third, at + 8 + first.length + second.length);
}
