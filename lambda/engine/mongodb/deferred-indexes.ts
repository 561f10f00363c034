import { makeDocument, makeElement, readElements, readFlag, TYPE, withoutFields } from "./bson.ts";
import { readIndexName } from "./metadata.ts";

/**
 * Indexes that a replay builds at its end, by the namespace of their collection. Until then what changes an index
 * changes its definition here.
 */
export class DeferredIndexes {
  readonly #byNamespace = new Map<string, readonly Buffer[]>();

  /** Puts the indexes off; one of the same name is replaced. */
  add(namespace: string, indexes: readonly Buffer[]): void {
    const names = new Set(indexes.map(readIndexName));
    const kept = this.of(namespace).filter((index) => !names.has(readIndexName(index)));
    this.#byNamespace.set(namespace, [...kept, ...indexes]);
  }

  of(namespace: string): readonly Buffer[] {
    return this.#byNamespace.get(namespace) ?? [];
  }

  has(namespace: string, name: string): boolean {
    return this.of(namespace).some((index) => readIndexName(index) === name);
  }

  /** Without a name: all of them. */
  remove(namespace: string, name?: string): void {
    const kept = name === undefined ? [] : this.of(namespace).filter((one) => readIndexName(one) !== name);
    this.#byNamespace.set(namespace, kept);
  }

  /** Applies the field `index` of a `collMod` to the index that it names. */
  change(namespace: string, name: string, change: Buffer): void {
    const changed = this.of(namespace).map((index) =>
      readIndexName(index) === name ? changeIndex(index, change) : index,
    );
    this.#byNamespace.set(namespace, changed);
  }

  /** What `to` had is gone, what `from` had is now its. */
  rename(from: string, to: string): void {
    this.#byNamespace.set(to, this.of(from));
    this.#byNamespace.delete(from);
  }

  entries(): Iterable<[string, readonly Buffer[]]> {
    return this.#byNamespace.entries();
  }
}

/** Whether a `collMod` makes an index refuse documents that it allowed before. */
export function makesUnique(change: Buffer): boolean {
  return readFlag(change, "unique") || readFlag(change, "prepareUnique");
}

/**
 * The definition that a server lists after the change: a flag that is off is not in it, and one that became unique is
 * no longer being prepared for that.
 */
function changeIndex(index: Buffer, change: Buffer): Buffer {
  let changed = index;
  for (const { name, start, end } of readElements(change)) {
    if (name === "name" || name === "keyPattern") continue;
    const element = change.subarray(start, end);
    if (name === "forceNonUnique") changed = withoutFields(changed, "unique");
    else if (name === "expireAfterSeconds") changed = withField(changed, name, element);
    else if (readFlag(change, name)) changed = withField(changed, name, TRUE(name));
    else changed = withoutFields(changed, name);
    if (name === "unique") changed = withoutFields(changed, "prepareUnique");
  }
  return changed;
}

const TRUE = (name: string) => makeElement(TYPE.boolean, name, Buffer.of(1));

function withField(document: Buffer, name: string, element: Uint8Array): Buffer {
  return makeDocument([withoutFields(document, name).subarray(4, -1), element]);
}
