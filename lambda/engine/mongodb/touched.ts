import { SourceError } from "../model/errors.ts";
import type { Listed } from "./list-namespaces.ts";
import { nameOf } from "./names.ts";
import { type Entry, fingerprintName, listTouches, readCommand, readViewless } from "./oplog.ts";

/** The namespaces that a span of the oplog changes, and which of them by more than documents. */
export class TouchedNamespaces {
  readonly #all = new Map<string, { definition: boolean }>();
  readonly #viewless = new Set<string>();

  /** Throws `SourceError` UNHEALTHY for what a replay onto a dump cannot follow: a collection that was renamed. */
  add(entry: Entry): void {
    if (entry.kind === "c" && readCommand(entry).name === "renameCollection") throw renamed(entry);
    this.addInOrder(entry);
  }

  /** As `add`, where the replay begins at one moment and so can follow a collection to its new name. */
  addInOrder(entry: Entry): void {
    const viewless = readViewless(entry);
    if (viewless !== undefined) this.#viewless.add(viewless);
    for (const { namespace, definition } of listTouches(entry)) {
      const name = fingerprintName(namespace);
      const known = this.#all.get(name);
      this.#all.set(name, { definition: definition || known?.definition === true });
    }
  }

  /** `listed`: what was there before. A database that was dropped lost its views, which the oplog does not name. */
  names(listed: readonly Listed[]): string[] {
    const views = listed.filter(
      ({ kind, namespace }) => kind === "view" && this.#viewless.has(namespace.database),
    );
    return [...new Set([...this.#all.keys(), ...views.map(({ namespace }) => nameOf(namespace))])].sort();
  }

  /** Whether only documents were changed, so that the definition read at the dump's start still holds. */
  onlyDocuments(name: string): boolean {
    return this.#all.get(name)?.definition === false;
  }
}

function renamed(entry: Entry): SourceError {
  const { collection } = readCommand(entry);
  return new SourceError(
    "UNHEALTHY",
    `The collection ${collection} was renamed while the dump ran (a stage $out does so, too); such a dump is not one moment. Run again.`,
    { facts: { collection } },
  );
}
