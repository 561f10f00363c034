import { throwIfAborted } from "../model/errors.ts";
import type { StateStore } from "./vault.ts";

/** A state bucket in memory, for tests. Values are kept as JSON, as the bucket keeps them. */
export class MemoryState implements StateStore {
  readonly #values = new Map<string, { json: string; etag: string }>();
  #count = 0;

  async read(key: string, signal: AbortSignal): Promise<{ value: unknown; etag: string } | undefined> {
    throwIfAborted(signal);
    const found = this.#values.get(key);
    return found && { value: JSON.parse(found.json), etag: found.etag };
  }

  async create(key: string, value: unknown, signal: AbortSignal): Promise<boolean> {
    throwIfAborted(signal);
    if (this.#values.has(key)) return false;
    this.#write(key, value);
    return true;
  }

  async replace(key: string, value: unknown, etag: string, signal: AbortSignal): Promise<boolean> {
    throwIfAborted(signal);
    if (this.#values.get(key)?.etag !== etag) return false;
    this.#write(key, value);
    return true;
  }

  #write(key: string, value: unknown): void {
    this.#count += 1;
    this.#values.set(key, { json: JSON.stringify(value), etag: `"${this.#count}"` });
  }
}
