import { throwIfAborted } from "../model/errors.ts";

interface Waiting {
  readonly bytes: number;
  readonly grant: () => void;
}

/**
 * Bytes that all readers together may hold. A reader that holds nothing waits its turn; one that holds a batch
 * only asks whether there is room for the next, and so nobody waits while holding.
 */
export class ByteBudget {
  /** Who takes all of it works alone. */
  readonly limit: number;
  #used = 0;
  readonly #queue: Waiting[] = [];

  constructor(limitBytes: number) {
    this.limit = limitBytes;
  }

  /** Waits until there is room; more than the limit is granted alone. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    if (this.tryTake(bytes)) return;
    await new Promise<void>((resolve, reject) => {
      const grant = () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const entry = { bytes, grant };
      const onAbort = () => {
        this.#queue.splice(this.#queue.indexOf(entry), 1);
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#queue.push(entry);
    }).catch(() => throwIfAborted(signal));
  }

  /** Takes the bytes when there is room now and nobody waits. */
  tryTake(bytes: number): boolean {
    if (this.#queue.length > 0 || !this.#fits(bytes)) return false;
    this.#used += bytes;
    return true;
  }

  /** Gives back, or corrects an estimate by a difference. */
  give(bytes: number): void {
    this.#used -= bytes;
    for (let next = this.#queue[0]; next !== undefined && this.#fits(next.bytes); next = this.#queue[0]) {
      this.#queue.shift();
      this.#used += next.bytes;
      next.grant();
    }
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.limit;
  }
}
