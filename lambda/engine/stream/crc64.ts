/** Bits reversed, in two halves: V8 has no 64-bit integers that are fast. */
interface Polynomial {
  readonly high: number;
  readonly low: number;
}

const ECMA: Polynomial = { high: 0xc96c5795 | 0, low: 0xd7870f42 | 0 };
const JONES: Polynomial = { high: 0x95ac9329 | 0, low: 0xac4bc9b5 | 0 };
const SLICES = 8;
const ENTRIES = 256;

/** Eight tables of 256 entries, one behind the other: eight bytes are taken at once. */
interface Tables {
  readonly high: Int32Array;
  readonly low: Int32Array;
}

function makeTables(polynomial: Polynomial): Tables {
  const high = new Int32Array(SLICES * ENTRIES);
  const low = new Int32Array(SLICES * ENTRIES);
  for (let entry = 0; entry < ENTRIES; entry++) [high[entry], low[entry]] = divide(entry, polynomial);
  for (let at = ENTRIES; at < SLICES * ENTRIES; at++) {
    const [before, beforeHigh] = [low[at - ENTRIES] ?? 0, high[at - ENTRIES] ?? 0];
    const first = before & 0xff;
    low[at] = (low[first] ?? 0) ^ ((before >>> 8) | (beforeHigh << 24));
    high[at] = (high[first] ?? 0) ^ (beforeHigh >>> 8);
  }
  return { high, low };
}

function divide(byte: number, polynomial: Polynomial): [number, number] {
  let high = 0;
  let low = byte;
  for (let bit = 0; bit < 8; bit++) {
    const odd = low & 1;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (odd === 0) continue;
    low ^= polynomial.low;
    high ^= polynomial.high;
  }
  return [high, low];
}

interface Variant {
  readonly tables: Tables;
  /** All bits of the start, and of what the digest is turned over with: 0 or -1. */
  readonly mask: number;
}

const VARIANTS: Readonly<Record<"xz" | "jones", Variant>> = {
  xz: { tables: makeTables(ECMA), mask: -1 },
  jones: { tables: makeTables(JONES), mask: 0 },
};

/**
 * CRC-64, fed in pieces. `xz` is that of Go's `hash/crc64` with its table ECMA, which ends the namespaces of a
 * MongoDB archive; `jones` is what ends an RDB file of Redis, and the value that its DUMP gives.
 */
export class Crc64 {
  readonly #variant: Variant;
  #high: number;
  #low: number;

  constructor(name: keyof typeof VARIANTS) {
    this.#variant = VARIANTS[name];
    this.#high = this.#variant.mask;
    this.#low = this.#variant.mask;
  }

  update(bytes: Buffer): void {
    const { high: highs, low: lows } = this.#variant.tables;
    let high = this.#high;
    let low = this.#low;
    let at = 0;
    for (const end = bytes.length - SLICES; at <= end; at += SLICES) {
      low ^= bytes.readInt32LE(at);
      high ^= bytes.readInt32LE(at + 4);
      const a = 1792 + (low & 0xff);
      const b = 1536 + ((low >>> 8) & 0xff);
      const c = 1280 + ((low >>> 16) & 0xff);
      const d = 1024 + (low >>> 24);
      const e = 768 + (high & 0xff);
      const f = 512 + ((high >>> 8) & 0xff);
      const g = 256 + ((high >>> 16) & 0xff);
      const h = high >>> 24;
      low = xor(lows, a, b, c, d) ^ xor(lows, e, f, g, h);
      high = xor(highs, a, b, c, d) ^ xor(highs, e, f, g, h);
    }
    for (; at < bytes.length; at++) {
      const entry = (low ^ (bytes[at] ?? 0)) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ (lows[entry] ?? 0);
      high = (high >>> 8) ^ (highs[entry] ?? 0);
    }
    this.#high = high;
    this.#low = low;
  }

  /** 0 for no bytes at all. */
  digest(): bigint {
    const { mask } = this.#variant;
    return (BigInt((this.#high ^ mask) >>> 0) << 32n) | BigInt((this.#low ^ mask) >>> 0);
  }
}

function xor(table: Int32Array, a: number, b: number, c: number, d: number): number {
  return (table[a] as number) ^ (table[b] as number) ^ (table[c] as number) ^ (table[d] as number);
}
