/** What a pack may hold, and what is so large that it gets one of its own; bytes. */
export interface PackLimits {
  readonly packBytes: number;
  readonly ownPackBytes: number;
}

/** Gathers what has to be read until a pack is full. */
export class PackPlan<Row> {
  readonly #sizeOf: (row: Row) => number;
  readonly #limits: PackLimits;
  #rows: Row[] = [];
  #bytes = 0;

  constructor(sizeOf: (row: Row) => number, limits: PackLimits) {
    this.#sizeOf = sizeOf;
    this.#limits = limits;
  }

  /** The packs that are full now. */
  *add(row: Row): Generator<readonly Row[]> {
    const bytes = this.#sizeOf(row);
    if (bytes >= this.#limits.ownPackBytes) {
      yield [row];
      return;
    }
    if (this.#bytes + bytes > this.#limits.packBytes) yield* this.end();
    this.#rows.push(row);
    this.#bytes += bytes;
  }

  *end(): Generator<readonly Row[]> {
    if (this.#rows.length > 0) yield this.#rows;
    this.#rows = [];
    this.#bytes = 0;
  }
}
