/** Seeds of the two halves: a stored contract, since manifests carry their results. */
const SEEDS = [0x6261636b75702d31n, 0x6261636b75702d32n] as const;
const WORD = 64;
const FULL_BITS = 128;
const HEX_DIGITS = 32;

type Hash = (bytes: Uint8Array, seed: bigint) => bigint;

/** Sums records, in any order, to the fingerprint's `contentHash`. */
export class ContentHash {
  readonly #hash: Hash;
  #first = 0n;
  #second = 0n;
  /** How often the second half has passed 2^64. */
  #carries = 0;
  count = 0;
  bytes = 0;

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  /** Adds the records that stand one behind the other in `bytes`; `ends` says where each ends. */
  addAll(bytes: Buffer, ends: readonly number[]): void {
    let first = this.#first;
    let second = this.#second;
    let carries = 0;
    let start = 0;
    for (const end of ends) {
      const record = bytes.subarray(start, end);
      // Sums cut to 64 bits are machine words to V8; whole ones would be an object for every record.
      first = BigInt.asUintN(WORD, first + this.#hash(record, SEEDS[0]));
      const hash = this.#hash(record, SEEDS[1]);
      second = BigInt.asUintN(WORD, second + hash);
      if (second < hash) carries += 1;
      start = end;
    }
    this.#first = first;
    this.#second = second;
    this.#carries += carries;
    this.count += ends.length;
    this.bytes += bytes.length;
  }

  /** 32 hex digits: the sum modulo 2^128 of (first hash × 2^64 + second hash) of every record. */
  digest(): string {
    const upper = this.#first + BigInt(this.#carries);
    const sum = BigInt.asUintN(FULL_BITS, (upper << BigInt(WORD)) + this.#second);
    return sum.toString(16).padStart(HEX_DIGITS, "0");
  }
}

/** Makes content hashes; loads xxHash64 once, and only here: synth reaches this file and needs no hash. */
export async function loadContentHash(): Promise<() => ContentHash> {
  const { default: load } = await import("xxhash-wasm");
  const { h64Raw } = await load();
  return () => new ContentHash(h64Raw);
}
