import type { Document } from "mongodb";
import { IntegrityError } from "../model/errors.ts";
import { findElement, readText, withoutFields } from "./bson.ts";
import { type Namespace, nameOf, parseNamespace } from "./names.ts";
import { type Entry, embedded } from "./oplog.ts";

type Run = (database: string, command: Document, allowed?: readonly string[]) => Promise<void>;

/**
 * The views on the target of a replay. The oplog tells of them as documents of `<database>.system.views`, which not
 * every server lets be written: they are replayed as commands. That of a time series comes with it.
 */
export class ReplayedViews {
  readonly #run: Run;
  readonly #spread: (document: Buffer) => Document;
  readonly #names = new Set<string>();

  constructor(run: Run, spread: (document: Buffer) => Document) {
    this.#run = run;
    this.#spread = spread;
  }

  note(namespace: Namespace): void {
    this.#names.add(nameOf(namespace));
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** `isCollection`: whether a name is taken by a collection, which a later entry of a dump's span made. */
  async apply(entry: Entry, isCollection: (name: string) => boolean): Promise<void> {
    const object = embedded(entry, "o");
    const name = readText(object, findElement(object, "_id"));
    if (name === undefined) throw unknownView(entry);
    if (entry.kind === "d") return await this.#drop(name);
    const viewOn = readText(object, findElement(object, "viewOn"));
    if (viewOn === undefined) throw unknownView(entry);
    if (viewOn.startsWith("system.buckets.") || isCollection(name)) return;
    await this.#drop(name);
    const { database, collection } = parseNamespace(name);
    await this.#run(database, { create: collection, ...this.#spread(withoutFields(object, "_id")) });
    this.#names.add(name);
  }

  /** The collection `system.views` was dropped: a database that goes away loses it first. */
  async dropAll(database: string): Promise<void> {
    for (const name of this.#of(database)) await this.#drop(name);
  }

  forgetAll(database: string): void {
    for (const name of this.#of(database)) this.#names.delete(name);
  }

  #of(database: string): string[] {
    return [...this.#names].filter((name) => parseNamespace(name).database === database);
  }

  async #drop(name: string): Promise<void> {
    if (!this.#names.delete(name)) return;
    const { database, collection } = parseNamespace(name);
    await this.#run(database, { drop: collection }, ["NamespaceNotFound"]);
  }
}

function unknownView(entry: Entry): IntegrityError {
  return new IntegrityError(
    "WRITE_ERRORS",
    `${entry.namespace}: the oplog changes a view without telling its whole definition, which cannot be replayed. Restore an earlier or later backup.`,
    { facts: { namespace: entry.namespace, kind: entry.kind } },
  );
}
