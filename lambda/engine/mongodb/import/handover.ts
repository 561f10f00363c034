import { Cancelled } from "../../model/errors.ts";

interface Waiting<Value> {
  resolve(value: Value): void;
  reject(error: unknown): void;
}

/** Passes values from one side to the other, one at a time, in memory of that one only. */
export class Handover<Value> {
  #taker: Waiting<IteratorResult<Value, undefined>> | undefined;
  #putter: (Waiting<void> & { readonly value: Value }) | undefined;
  #closed: { readonly error?: unknown } | undefined;

  /** Resolves when the value was taken; throws when nobody takes any more. */
  put(value: Value): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed.error ?? abandoned());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (this.#taker === undefined) this.#putter = { value, resolve, reject };
    else {
      this.#taker.resolve({ done: false, value });
      this.#taker = undefined;
      resolve();
    }
    return promise;
  }

  /** No more values come: the other side ends, or fails with `error`. Only the first call counts. */
  close(error?: unknown): void {
    if (this.#closed !== undefined) return;
    this.#closed = error === undefined ? {} : { error };
    if (error === undefined) this.#taker?.resolve({ done: true, value: undefined });
    else this.#taker?.reject(error);
    this.#putter?.reject(error ?? abandoned());
    this.#taker = undefined;
    this.#putter = undefined;
  }

  /** The values; ending early tells the other side. */
  async *values(): AsyncGenerator<Value> {
    try {
      for (let next = await this.#take(); next.done !== true; next = await this.#take()) yield next.value;
    } finally {
      this.close(abandoned());
    }
  }

  #take(): Promise<IteratorResult<Value, undefined>> {
    const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<Value, undefined>>();
    if (this.#putter !== undefined) {
      resolve({ done: false, value: this.#putter.value });
      this.#putter.resolve();
      this.#putter = undefined;
    } else if (this.#closed?.error !== undefined) reject(this.#closed.error);
    else if (this.#closed !== undefined) resolve({ done: true, value: undefined });
    else this.#taker = { resolve, reject };
    return promise;
  }
}

function abandoned(): Cancelled {
  return new Cancelled("ABORTED", "The work was given up before it was done.");
}
