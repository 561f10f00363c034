import { createHash } from "node:crypto";
import { RefusedError } from "../../model/errors.ts";
import { formatLogTime } from "../../model/position.ts";
import { refuseScope, type ScopeMap } from "../../model/scope.ts";
import { findElement, readText } from "../bson.ts";
import { parseNamespace } from "../names.ts";
import {
  type Entry,
  embedded,
  fingerprintName,
  isReplayed,
  readCommand,
  readNested,
  readTime,
} from "../oplog.ts";
import {
  asBuckets,
  makeDrop,
  moveCommand,
  moveEntry,
  moveRename,
  withNested,
  withObject,
  withText,
} from "./entries.ts";
import { findReferenceFault, renameWithin } from "./scopes.ts";
import { renameInOptions } from "./view-references.ts";

const DIGEST_LENGTH = 16;

/** Collections outside of the scope, by the count of their creation in the log, and where each is kept meanwhile. */
export type Followed = ReadonlyMap<number, string>;

interface Stranger {
  readonly birth: number;
  readonly keptAs: string | undefined;
}

/**
 * Restricts a log to a scope and gives its names their targets, entry by entry, in front of the replay.
 *
 * | in the log | becomes |
 * |---|---|
 * | a write or command on a name of the scope | the same on its target |
 * | on any other name | nothing |
 * | a rename within the scope | a rename of the targets |
 * | a rename out of the scope | a drop: the source has the name no more |
 * | a rename into it, of what was made in this log | the same: it is followed from its creation |
 * | a rename into it, of what was there before | refused: the backup's part does not hold it |
 * | `dropDatabase` | a drop of each name of the scope in it |
 */
export class ScopedLog {
  readonly #map: ScopeMap;
  readonly #followed: Followed;
  /** Of the scope, by the names of the source. */
  readonly #known: Set<string>;
  readonly #views: Set<string>;
  readonly #strangers = new Map<string, Stranger>();
  #births = 0;
  /** Of those that a rename brings into the scope: what `followed` has to be for them. */
  readonly toFollow = new Map<number, string>();
  /** Every name that came up, of the scope or not. */
  readonly names = new Set<string>();

  constructor(
    map: ScopeMap,
    known: { readonly all: readonly string[]; readonly views: readonly string[] },
    followed: Followed = new Map(),
  ) {
    this.#map = map;
    this.#followed = followed;
    this.#known = new Set(known.all);
    this.#views = new Set(known.views);
  }

  /** What is left of an entry. Throws `RefusedError` INPUT_INVALID for a rename that cannot be followed. */
  take(entry: Entry): Entry[] {
    if (entry.kind === "n") return [];
    if (entry.kind === "c") return this.#takeCommand(entry);
    const place = parseNamespace(entry.namespace);
    if (place.collection === "system.views") return this.#takeView(entry, place.database);
    if (place.collection === "system.indexes") return this.#takeOldIndex(entry);
    const target = this.#targetOf(entry.namespace);
    return target === undefined ? [] : [moveEntry(entry, target)];
  }

  /** Where a namespace of the log goes, buckets with their time series; undefined for what is left out. */
  #targetOf(namespace: string): string | undefined {
    if (!isReplayed(namespace)) return undefined;
    const name = fingerprintName(namespace);
    this.names.add(name);
    const target = this.#map.isSelected(name) ? this.#map.targetOf(name) : this.#strangers.get(name)?.keptAs;
    if (target === undefined) return undefined;
    if (this.#map.isSelected(name)) this.#known.add(name);
    return asBuckets(target, namespace);
  }

  #takeCommand(entry: Entry): Entry[] {
    const { name, collection } = readCommand(entry);
    const { database } = parseNamespace(entry.namespace);
    if (name === "applyOps") return this.#takeNested(entry);
    if (name === "commitTransaction" || name === "abortTransaction") return [entry];
    if (name === "renameCollection") return this.#takeRename(entry);
    if (name === "dropDatabase")
      return this.#dropAll(entry, database, [...this.#known, ...this.#strangers.keys()]);
    if (name === "drop" && collection === "system.views")
      return this.#dropAll(entry, database, [...this.#views]);
    if (collection === "") return [entry];
    const namespace = `${database}.${collection}`;
    if (name === "create") this.#noteBirth(namespace);
    const target = this.#targetOf(namespace);
    if (name === "drop") this.#forget(namespace);
    return target === undefined ? [] : [moveCommand(entry, target)];
  }

  #takeNested(entry: Entry): Entry[] {
    const all = readNested(entry);
    const kept = all.flatMap((nested) => this.take(nested));
    if (kept.length === all.length && kept.every((one, index) => one === all[index])) return [entry];
    // The marks of a transaction stay, also without an operation: a later entry may speak of it.
    return kept.length === 0 && !entry.elements.has("txnNumber") ? [] : [withNested(entry, kept)];
  }

  #noteBirth(namespace: string): void {
    const name = fingerprintName(namespace);
    if (this.#map.isSelected(name)) return;
    this.#births += 1;
    this.#strangers.set(name, { birth: this.#births, keptAs: this.#followed.get(this.#births) });
  }

  #forget(namespace: string): void {
    const name = fingerprintName(namespace);
    this.#known.delete(name);
    this.#views.delete(name);
    this.#strangers.delete(name);
  }

  #takeRename(entry: Entry): Entry[] {
    const object = embedded(entry, "o");
    const [from = "", to = ""] = ["renameCollection", "to"].map((name) =>
      readText(object, findElement(object, name)),
    );
    const stranger = this.#strangers.get(fingerprintName(from));
    if (this.#isIn(to) && !this.#isIn(from)) this.#comeIn(entry, from, to, stranger);
    const kept = this.#targetOf(from);
    this.#forget(from);
    const target = this.#targetOf(to);
    if (!this.#isIn(to)) this.#forget(to);
    if (stranger !== undefined && !this.#isIn(to)) this.#strangers.set(fingerprintName(to), stranger);
    if (kept === undefined) return [];
    if (target !== undefined) return [moveRename(entry, kept, target)];
    // A followed stranger keeps the name that it has on the target.
    return this.#isIn(from) ? [makeDrop(entry, kept)] : [];
  }

  #isIn(namespace: string): boolean {
    return isReplayed(namespace) && this.#map.isSelected(fingerprintName(namespace));
  }

  #comeIn(entry: Entry, from: string, to: string, stranger: Stranger | undefined): void {
    if (stranger === undefined) throw cameIn(entry, from, to);
    const { database } = parseNamespace(this.#map.targetOf(fingerprintName(to)));
    const digest = createHash("sha256").update(`${from} ${stranger.birth}`).digest("hex");
    this.toFollow.set(stranger.birth, `${database}.tmp_recovering_${digest.slice(0, DIGEST_LENGTH)}`);
  }

  #dropAll(entry: Entry, database: string, names: readonly string[]): Entry[] {
    const gone = names.filter((name) => parseNamespace(name).database === database);
    const targets = gone.flatMap((name) => this.#targetOf(name) ?? []);
    for (const name of gone) this.#forget(name);
    return targets.map((target) => makeDrop(entry, target));
  }

  /** A view is a document of `<database>.system.views`, whose `_id` is its full name. */
  #takeView(entry: Entry, database: string): Entry[] {
    const object = embedded(entry, "o");
    const name = readText(object, findElement(object, "_id"));
    if (name === undefined) return [];
    this.names.add(name);
    if (!this.#isIn(name)) return [];
    const target = this.#map.targetOf(name);
    if (entry.kind === "d") this.#forget(name);
    else this.#known.add(name);
    if (entry.kind !== "d" && !isOfTimeSeries(object)) this.#views.add(name);
    const rename = renameWithin({ database }, this.#map);
    const renamed = renameInOptions(object, (collection) => {
      const fault = findReferenceFault(name, collection, this.#map);
      return fault === undefined ? rename(collection) : refuseScope([fault]);
    });
    if (target === name && renamed.equals(object)) return [entry];
    const views = `${parseNamespace(target).database}.system.views`;
    return [withObject(entry, views, withText(renamed, "_id", target))];
  }

  /** Servers before 4.2 write an index as a document that names its collection. */
  #takeOldIndex(entry: Entry): Entry[] {
    const object = embedded(entry, "o");
    const target = this.#targetOf(readText(object, findElement(object, "ns")) ?? "");
    if (target === undefined) return [];
    const indexes = `${parseNamespace(target).database}.system.indexes`;
    return [withObject(entry, indexes, withText(object, "ns", target))];
  }
}

function isOfTimeSeries(view: Buffer): boolean {
  return readText(view, findElement(view, "viewOn"))?.startsWith("system.buckets.") === true;
}

function cameIn(entry: Entry, from: string, to: string): RefusedError {
  const time = readTime(entry.bytes);
  const at = time === undefined ? "a moment" : formatLogTime(time);
  return new RefusedError(
    "INPUT_INVALID",
    `At ${at} of the log ${from} was renamed to ${to}. The scope leaves ${from} out, so what ${to} held from then on is not there; nothing was changed. Include ${from}, or recover to a moment before.`,
    { facts: { from, to, at } },
  );
}
