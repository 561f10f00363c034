import type { Document } from "mongodb";
import { IntegrityError } from "../model/errors.ts";
import { findElement, readElements, readText, TYPE, withoutFields } from "./bson.ts";
import type { Connection } from "./connect.ts";
import { buildIndexes, isClustered, isUnique } from "./create-indexes.ts";
import { DeferredIndexes, makesUnique } from "./deferred-indexes.ts";
import { type Listed, listIndexes, listNamespaces, listOfDatabase } from "./list-namespaces.ts";
import { readIndexName } from "./metadata.ts";
import { bucketsOf, isBuckets, isViews, type Namespace, nameOf, ownerOf, parseNamespace } from "./names.ts";
import { type Entry, embedded, isReplayed, readCommand } from "./oplog.ts";
import { ReplayedViews } from "./replay-views.ts";

/** The buckets of a time series come with it, and so does what the server derives of its definition. */
/** An index build counts by its commit; a check of consistency (`dbCheck`) logs itself. */
const CHANGES_NOTHING: ReadonlySet<string> = new Set(["startIndexBuild", "abortIndexBuild", "dbCheck"]);
const DERIVED = ["create", "validator", "clusteredIndex", "idIndex", "temp"];

/**
 * What is on the target of a replay besides documents: collections, views, and the indexes that are built at the
 * end. A time series goes by the name of its buckets, as in the oplog.
 */
export class ReplayedDefinitions {
  readonly #connection: Connection;
  readonly #indexes = new DeferredIndexes();
  readonly #collections = new Set<string>();
  readonly #views: ReplayedViews;

  constructor(connection: Connection, listed: readonly Listed[]) {
    this.#connection = connection;
    this.#views = new ReplayedViews(
      (database, command, allowed) => this.#run(database, command, allowed),
      (document) => this.#spread(document),
    );
    for (const { kind, namespace, indexes } of listed) {
      if (kind === "view") this.#views.note(namespace);
      else this.#collections.add(nameOf(kind === "timeseries" ? bucketsOf(namespace) : namespace));
      const unique = indexes.filter((index) => isUnique(index) && !isClustered(index));
      if (unique.length > 0) this.#indexes.add(nameOf(namespace), unique);
    }
  }

  /** Drops the unique indexes of touched collections, and forgets those of the others: they stay built. */
  async relaxUnique(touched: ReadonlySet<string>): Promise<void> {
    for (const { namespace, indexes } of await listNamespaces(this.#connection)) {
      const name = nameOf(namespace);
      if (!touched.has(name)) this.#indexes.remove(name);
      if (!touched.has(name) || !isReplayed(name)) continue;
      for (const index of indexes.filter((one) => isUnique(one) && !isClustered(one)))
        await this.#dropBuilt(namespace, readIndexName(index) ?? "");
    }
  }

  /** Whether documents can be written to the collection, or changed in it. */
  has(namespace: string): boolean {
    return this.#collections.has(namespace);
  }

  /**
   * Makes the collection of an insert that has none: one that was dropped later in a dump's span. False where that
   * cannot be, because only its definition would tell what it was; it is dropped later all the same.
   */
  async createFor(namespace: string): Promise<boolean> {
    const place = parseNamespace(namespace);
    if (isBuckets(place) || this.#views.has(namespace)) return false;
    await this.#run(place.database, { create: place.collection });
    this.#collections.add(namespace);
    return true;
  }

  /** Applies an insert, update or delete of `<database>.system.views`. */
  async applyToViews(entry: Entry): Promise<void> {
    const isCollection = (name: string) =>
      this.has(name) || this.has(nameOf(bucketsOf(parseNamespace(name))));
    await this.#views.apply(entry, isCollection);
  }

  /** Notes an index as servers before 4.2 write it: as a document of `<database>.system.indexes`. */
  noteOldIndex(index: Buffer): void {
    this.#indexes.add(readText(index, findElement(index, "ns")) ?? "", [withoutFields(index, "ns")]);
  }

  /** Throws `IntegrityError` WRITE_ERRORS for a command that it does not know. */
  async applyCommand(entry: Entry): Promise<void> {
    const { name, collection } = readCommand(entry);
    const { database } = parseNamespace(entry.namespace);
    const namespace = `${database}.${collection}`;
    const object = embedded(entry, "o");
    if (name === "createIndexes") this.#indexes.add(namespace, [withoutFields(object, name)]);
    else if (name === "commitIndexBuild") this.#indexes.add(namespace, readIndexes(object));
    else if (name === "dropIndexes" || name === "deleteIndexes") await this.#dropIndex(namespace, object);
    else if (name === "create") await this.#create(namespace, object);
    else if (name === "renameCollection") await this.#rename(object);
    else if (name === "drop") await this.#drop(parseNamespace(namespace));
    else if (name === "dropDatabase") await this.#dropDatabase(database);
    else if (name === "collMod") await this.#collMod(parseNamespace(namespace), object);
    else if (!CHANGES_NOTHING.has(name)) throw unknownCommand(name, entry.namespace);
  }

  /** Builds the indexes that were put off. Throws `IntegrityError` where the documents do not allow a unique one. */
  async buildDeferred(): Promise<void> {
    for (const [name, indexes] of this.#indexes.entries())
      if (this.#collections.has(name)) await buildIndexes(this.#connection, parseNamespace(name), indexes);
  }

  async #dropIndex(namespace: string, object: Buffer): Promise<void> {
    const dropped = readText(object, findElement(object, "index"));
    if (dropped === undefined) throw unknownCommand("dropIndexes without the index's name", namespace);
    this.#indexes.remove(namespace, dropped === "*" ? undefined : dropped);
    await this.#dropBuilt(parseNamespace(namespace), dropped);
  }

  async #dropBuilt({ database, collection }: Namespace, index: string): Promise<void> {
    await this.#run(database, { dropIndexes: collection, index }, ["IndexNotFound", "NamespaceNotFound"]);
  }

  async #create(namespace: string, object: Buffer): Promise<void> {
    const place = parseNamespace(namespace);
    const command = isBuckets(place)
      ? { create: ownerOf(place).collection, ...this.#spread(withoutFields(object, ...DERIVED)) }
      : this.#spread(withoutFields(object, "idIndex", "temp"));
    await this.#run(place.database, command, ["NamespaceExists"]);
    this.#collections.add(namespace);
  }

  async #drop(place: Namespace): Promise<void> {
    if (isViews(place)) return await this.#views.dropAll(place.database);
    await this.#run(place.database, { drop: ownerOf(place).collection }, ["NamespaceNotFound"]);
    this.#forget(nameOf(place));
  }

  #forget(namespace: string): void {
    this.#collections.delete(namespace);
    this.#indexes.remove(namespace);
  }

  /** Only slices hold it: a dump with one in its span is refused. */
  async #rename(object: Buffer): Promise<void> {
    const text = (name: string) => readText(object, findElement(object, name)) ?? "";
    const [from, to] = [text("renameCollection"), text("to")];
    const dropTarget = findElement(object, "dropTarget") !== undefined && this.#collections.has(to);
    if (isBuckets(parseNamespace(from))) await this.#renameSeries(from, to);
    else await this.#run("admin", { renameCollection: from, to, dropTarget });
    this.#indexes.rename(from, to);
    this.#collections.delete(from);
    this.#collections.add(to);
  }

  /** The stage `$out` renames buckets; what makes a time series of them has their name in it, and is made anew. */
  async #renameSeries(from: string, to: string): Promise<void> {
    const [old, made] = [ownerOf(parseNamespace(from)), ownerOf(parseNamespace(to))];
    const { driver } = this.#connection;
    const all = await listOfDatabase(this.#connection, old.database);
    const listed = all.find(({ namespace }) => nameOf(namespace) === nameOf(old));
    if (listed === undefined) throw unknownCommand("renameCollection of buckets without a time series", from);
    await this.#run(made.database, { drop: made.collection }, ["NamespaceNotFound"]);
    await this.#run(made.database, { create: made.collection, ...driver.spread(listed.options) });
    await this.#run("admin", { renameCollection: from, to, dropTarget: true });
    await this.#run(old.database, { drop: old.collection }, ["NamespaceNotFound"]);
  }

  async #dropDatabase(database: string): Promise<void> {
    await this.#run(database, { dropDatabase: 1 });
    this.#views.forgetAll(database);
    for (const name of [...this.#collections])
      if (parseNamespace(name).database === database) this.#forget(name);
  }

  /** In two commands: an index that is gone, or put off, must not take the rest of the change with it. */
  async #collMod(place: Namespace, object: Buffer): Promise<void> {
    const index = findElement(object, "index");
    if (index?.type === TYPE.document)
      await this.#changeIndex(place, object.subarray(index.value, index.end));
    const rest = this.#spread(withoutFields(object, "collMod", "index"));
    if (Object.keys(rest).length > 0) await this.#modify(place, rest, ["NamespaceNotFound"]);
  }

  async #changeIndex(place: Namespace, change: Buffer): Promise<void> {
    const name = readText(change, findElement(change, "name"));
    if (name !== undefined && makesUnique(change)) await this.#defer(place, name);
    if (name !== undefined && this.#indexes.has(nameOf(place), name))
      this.#indexes.change(nameOf(place), name, change);
    else await this.#modify(place, { index: this.#spread(change) }, ["NamespaceNotFound", "IndexNotFound"]);
  }

  async #modify(place: Namespace, changes: Document, allowed: readonly string[]): Promise<void> {
    await this.#run(place.database, { collMod: ownerOf(place).collection, ...changes }, allowed);
  }

  /** A half-way moment may hold what a unique index refuses. */
  async #defer(place: Namespace, name: string): Promise<void> {
    if (this.#indexes.has(nameOf(place), name)) return;
    const built = (await listIndexes(this.#connection, place)).filter((one) => readIndexName(one) === name);
    if (built.length === 0) return;
    this.#indexes.add(nameOf(place), built);
    await this.#dropBuilt(place, name);
  }

  #spread(object: Buffer): Document {
    return this.#connection.driver.spread(object);
  }

  async #run(database: string, command: Document, allowed: readonly string[] = []): Promise<void> {
    const db = this.#connection.client.db(database);
    await this.#connection.run(`Replaying onto ${database}`, () =>
      db.command(command).catch((error: { codeName?: string }) => {
        if (!allowed.includes(error.codeName ?? "")) throw error;
      }),
    );
  }
}

function readIndexes(object: Buffer): Buffer[] {
  const list = findElement(object, "indexes");
  if (list === undefined) return [];
  return [...readElements(object, list.value)].map(({ value, end }) => object.subarray(value, end));
}

function unknownCommand(name: string, namespace: string): IntegrityError {
  return new IntegrityError(
    "WRITE_ERRORS",
    `${namespace}: the oplog holds the command ${name}, which cannot be replayed. Restore an earlier or later backup.`,
    { facts: { namespace, command: name } },
  );
}
