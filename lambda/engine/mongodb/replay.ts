import type { Document } from "mongodb";
import { IntegrityError } from "../model/errors.ts";
import {
  type Element,
  findElement,
  makeDocument,
  makeElement,
  readElements,
  readText,
  TYPE,
  withoutFields,
} from "./bson.ts";
import type { Connection } from "./connect.ts";
import { buildIndexes, isClustered, isUnique } from "./create-indexes.ts";
import { type Listed, listNamespaces } from "./list-namespaces.ts";
import { readIndexName } from "./metadata.ts";
import { nameOf, parseNamespace } from "./names.ts";
import { type Entry, embedded, isReplayed, readCommand } from "./oplog.ts";
import { TransactionBuffer } from "./transactions.ts";

const APPLY_OPERATIONS = 500;
const APPLY_BYTES = 8 * 1024 * 1024;
/** What an operation needs: kind, namespace, object, criterion, whether to insert when missing. */
const KEPT = ["op", "ns", "o", "o2"];
const UPSERT = makeElement(TYPE.boolean, "b", Buffer.of(1));

/**
 * Applies entries in order. The data was read while they happened, so each may already be in it: inserts and
 * updates write over what is there, deletes may find nothing, and unique indexes are not enforced meanwhile.
 */
export class Replay {
  operations = 0;
  readonly #connection: Connection;
  readonly #transactions = new TransactionBuffer();
  readonly #indexes = new Map<string, Buffer[]>();
  readonly #existing = new Set<string>();
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  constructor(connection: Connection, listed: readonly Listed[]) {
    this.#connection = connection;
    for (const { namespace } of listed) this.#existing.add(nameOf(namespace));
    for (const { namespace, indexes } of listed)
      this.#indexes.set(
        nameOf(namespace),
        indexes.filter((index) => isUnique(index) && !isClustered(index)),
      );
  }

  /** Drops the unique indexes of touched collections, and forgets those of the others: they stay built. */
  async relaxUnique(touched: ReadonlySet<string>): Promise<void> {
    for (const { namespace, indexes } of await listNamespaces(this.#connection)) {
      const name = nameOf(namespace);
      if (!touched.has(name)) this.#indexes.delete(name);
      if (!touched.has(name) || !isReplayed(name)) continue;
      for (const index of indexes.filter((one) => isUnique(one) && !isClustered(one)))
        await this.#run(namespace.database, {
          dropIndexes: namespace.collection,
          index: readIndexName(index),
        });
    }
  }

  async add(entry: Entry): Promise<void> {
    for (const operation of this.#transactions.take(entry)) await this.#addOperation(operation);
  }

  async finish(): Promise<void> {
    await this.#flush();
    for (const [name, indexes] of this.#indexes)
      if (this.#existing.has(name)) await buildIndexes(this.#connection, parseNamespace(name), indexes);
  }

  async #addOperation(entry: Entry): Promise<void> {
    if (entry.kind === "c") return this.#addCommand(entry);
    if (!["i", "u", "d"].includes(entry.kind) || !isReplayed(entry.namespace)) return;
    if (!(await this.#exists(entry))) return;
    const operation = keepOperation(entry);
    this.#pending.push(operation);
    this.#pendingBytes += operation.length;
    if (this.#pending.length >= APPLY_OPERATIONS || this.#pendingBytes >= APPLY_BYTES) await this.#flush();
  }

  /** Whether the operation's collection is there. One that was dropped later in the span is made for what comes before. */
  async #exists({ kind, namespace }: Entry): Promise<boolean> {
    if (this.#existing.has(namespace) || parseNamespace(namespace).collection.startsWith("system."))
      return true;
    if (kind !== "i") return false;
    await this.#flush();
    await this.#run(parseNamespace(namespace).database, { create: parseNamespace(namespace).collection });
    this.#existing.add(namespace);
    return true;
  }

  async #addCommand(entry: Entry): Promise<void> {
    const { name, collection } = readCommand(entry);
    const { database } = parseNamespace(entry.namespace);
    const namespace = `${database}.${collection}`;
    const about = name === "renameCollection" ? collection : namespace;
    if (!isReplayed(about === `${database}.` ? `${database}.x` : about)) return;
    await this.#flush();
    const object = embedded(entry, "o");
    if (name === "createIndexes") this.#want(namespace, [withoutFields(object, name)]);
    else if (name === "commitIndexBuild") this.#want(namespace, readIndexes(object));
    else if (name === "dropIndexes" || name === "deleteIndexes") await this.#dropIndex(namespace, object);
    else if (name === "create") await this.#create(namespace, object);
    else if (name === "renameCollection") await this.#rename(object);
    else if (name === "drop") await this.#drop(namespace);
    else if (name === "dropDatabase") await this.#dropDatabase(database);
    else if (name === "collMod") await this.#collMod(database, object);
    else if (!["startIndexBuild", "abortIndexBuild"].includes(name))
      throw unknownCommand(name, entry.namespace);
    this.operations += 1;
  }

  #want(namespace: string, indexes: readonly Buffer[]): void {
    const known = this.#indexes.get(namespace) ?? [];
    const names = new Set(indexes.map(readIndexName));
    this.#indexes.set(namespace, [...known.filter((index) => !names.has(readIndexName(index))), ...indexes]);
  }

  async #dropIndex(namespace: string, object: Buffer): Promise<void> {
    const known = this.#indexes.get(namespace) ?? [];
    const dropped = readText(object, findElement(object, "index"));
    this.#indexes.set(
      namespace,
      known.filter((index) => readIndexName(index) !== dropped),
    );
    const { database, collection } = parseNamespace(namespace);
    await this.#run(database, { dropIndexes: collection, index: dropped }, [
      "IndexNotFound",
      "NamespaceNotFound",
    ]);
  }

  async #create(namespace: string, object: Buffer): Promise<void> {
    const { database, collection } = parseNamespace(namespace);
    // The buckets of a time series come with it, and its definition is a view's.
    if (collection.startsWith("system.buckets.")) {
      const { timeseries, expireAfterSeconds } = this.#spread(object);
      const options = expireAfterSeconds === undefined ? { timeseries } : { timeseries, expireAfterSeconds };
      await this.#run(database, { create: collection.slice("system.buckets.".length), ...options }, [
        "NamespaceExists",
      ]);
    } else
      await this.#run(database, this.#spread(withoutFields(object, "idIndex", "temp")), ["NamespaceExists"]);
    this.#existing.add(namespace);
  }

  async #drop(namespace: string): Promise<void> {
    const { database, collection } = parseNamespace(namespace);
    const owner = collection.startsWith("system.buckets.")
      ? collection.slice("system.buckets.".length)
      : collection;
    await this.#run(database, { drop: owner }, ["NamespaceNotFound"]);
    this.#existing.delete(namespace);
    this.#indexes.delete(namespace);
  }

  /** Only slices hold it: a dump with one in its span is refused. */
  async #rename(object: Buffer): Promise<void> {
    const text = (name: string) => readText(object, findElement(object, name)) ?? "";
    const [from, to] = [text("renameCollection"), text("to")];
    const dropTarget = findElement(object, "dropTarget") !== undefined && this.#existing.has(to);
    await this.#run("admin", { renameCollection: from, to, dropTarget });
    const indexes = this.#indexes.get(from);
    this.#indexes.delete(from);
    if (indexes === undefined) this.#indexes.delete(to);
    else this.#indexes.set(to, indexes);
    this.#existing.delete(from);
    this.#existing.add(to);
  }

  async #dropDatabase(database: string): Promise<void> {
    await this.#run(database, { dropDatabase: 1 });
    for (const name of [...this.#existing])
      if (parseNamespace(name).database === database) {
        this.#existing.delete(name);
        this.#indexes.delete(name);
      }
  }

  async #collMod(database: string, object: Buffer): Promise<void> {
    await this.#run(database, this.#spread(object), ["NamespaceNotFound", "IndexNotFound"]);
  }

  async #flush(): Promise<void> {
    const operations = this.#pending;
    if (operations.length === 0) return;
    this.#pending = [];
    this.#pendingBytes = 0;
    const list = makeDocument(
      operations.map((bytes, index) => makeElement(TYPE.document, String(index), bytes)),
    );
    const applyOps = this.#connection.driver.embed(list, TYPE.array);
    const reply = await this.#run("admin", { applyOps, writeConcern: { w: 1 } });
    const results = (reply.results ?? []) as boolean[];
    const failed = results.findIndex((done) => done !== true);
    if (failed >= 0 || results.length !== operations.length)
      throw notApplied(operations[failed], results.length, operations.length);
    this.operations += operations.length;
  }

  #spread(object: Buffer): Document {
    return this.#connection.driver.spread(object);
  }

  async #run(database: string, command: Document, allowed: readonly string[] = []): Promise<Document> {
    const db = this.#connection.client.db(database);
    return this.#connection.run(`Replaying onto ${database}`, () =>
      db.command(command).catch((error: { codeName?: string }) => {
        if (allowed.includes(error.codeName ?? "")) return {};
        throw error;
      }),
    );
  }
}

/** An operation that can be applied anywhere and again: without the source's UUIDs, session and time. */
function keepOperation(entry: Entry): Buffer {
  const elements = KEPT.map((name) => entry.elements.get(name))
    .filter((element): element is Element => element !== undefined)
    .map(({ start, end }) => entry.bytes.subarray(start, end));
  return makeDocument(entry.kind === "u" ? [...elements, UPSERT] : elements);
}

function readIndexes(object: Buffer): Buffer[] {
  const list = findElement(object, "indexes");
  if (list === undefined) return [];
  return [...readElements(object, list.value)].map(({ value, end }) => object.subarray(value, end));
}

function notApplied(operation: Buffer | undefined, got: number, expected: number): IntegrityError {
  const place = operation === undefined ? undefined : findElement(operation, "ns");
  const namespace = place === undefined ? "?" : operation?.toString("utf8", place.value + 4, place.end - 1);
  const names = operation === undefined ? [] : [...readElements(operation)].map(({ name }) => name);
  return new IntegrityError(
    "WRITE_ERRORS",
    `${namespace}: an operation of the oplog was not applied (${got} of ${expected} answered). The target is not a copy of the backup: do not use it.`,
    { facts: { namespace, got, expected, names } },
  );
}

function unknownCommand(name: string, namespace: string): IntegrityError {
  return new IntegrityError(
    "WRITE_ERRORS",
    `${namespace}: the oplog holds the command ${name}, which cannot be replayed. Restore an earlier or later backup.`,
    { facts: { namespace, command: name } },
  );
}
