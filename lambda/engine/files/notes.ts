import { NOTES_LIMIT } from "./limits.ts";
import { showPath } from "./paths.ts";

type Topic = "special" | "forbidden" | "gone" | "unstable";

const TEXTS: Readonly<Record<Topic, string>> = {
  special: "sockets, pipes or devices were left out",
  forbidden: "could not be read by the SSH user and were left out",
  gone: "vanished while the tree was read and were left out",
  unstable: "changed at every try to read them: their bytes may be of no one moment",
};

/** What an operator ought to know of a dump; a few paths, and how many there were. */
export class DumpNotes {
  readonly #seen = new Map<Topic, { count: number; paths: string[] }>();

  add(topic: Topic, path: Buffer): void {
    const seen = this.#seen.get(topic) ?? { count: 0, paths: [] };
    seen.count += 1;
    if (seen.paths.length < NOTES_LIMIT) seen.paths.push(showPath(path));
    this.#seen.set(topic, seen);
  }

  list(): string[] {
    return [...this.#seen].map(([topic, { count, paths }]) => {
      const more = count > paths.length ? ", …" : "";
      return `${count} ${TEXTS[topic]}: ${paths.join(", ")}${more}`;
    });
  }
}
