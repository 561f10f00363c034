/** Shorter values would hide ordinary words. */
const SHORTEST_SECRET = 6;

/** Hides the values of secrets that were read, wherever a driver or command repeats them. */
export class SecretMask {
  readonly #values = new Set<string>();

  remember(value: string): void {
    // As it is, in a URI, and inside the JSON of a log line.
    for (const part of [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)])
      if (part.length >= SHORTEST_SECRET) this.#values.add(part);
  }

  hide(text: string): string {
    // Longest first: one secret may be part of another.
    const values = [...this.#values].sort((left, right) => right.length - left.length);
    return values.reduce((hidden, value) => hidden.replaceAll(value, "[redacted]"), text);
  }
}
