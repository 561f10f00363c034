import type { Document } from "mongodb";
import { IntegrityError, SourceError } from "../model/errors.ts";
import {
  type Element,
  findElement,
  makeDocument,
  makeElement,
  readElements,
  readText,
  TYPE,
} from "./bson.ts";
import type { Connection } from "./connect.ts";
import { isLarge, letGo } from "./large-documents.ts";
import type { Listed } from "./list-namespaces.ts";
import { isViews, type Namespace, parseNamespace } from "./names.ts";
import { type Entry, embedded, isReplayed, readCommand } from "./oplog.ts";
import { ReplayedDefinitions } from "./replay-definitions.ts";
import { TransactionBuffer } from "./transactions.ts";
import { updateRaw } from "./write-raw.ts";

const APPLY_OPERATIONS = 2_000;
/** Together; a larger operation goes alone. A server takes 16 MB, and 16 KB around them, in one command. */
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
  readonly #definitions: ReplayedDefinitions;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** The batch that the server works on while the next one is made. */
  #flying: Promise<void> | undefined;

  constructor(connection: Connection, listed: readonly Listed[]) {
    this.#connection = connection;
    this.#definitions = new ReplayedDefinitions(connection, listed);
  }

  /** Drops the unique indexes of touched collections, and forgets those of the others: they stay built. */
  relaxUnique(touched: ReadonlySet<string>): Promise<void> {
    return this.#definitions.relaxUnique(touched);
  }

  async add(entry: Entry): Promise<void> {
    for (const operation of this.#transactions.take(entry)) await this.#addOperation(operation);
  }

  async finish(): Promise<void> {
    await this.#flush();
    await this.#definitions.buildDeferred();
  }

  async #addOperation(entry: Entry): Promise<void> {
    if (entry.kind === "c") return this.#addCommand(entry);
    if (!["i", "u", "d"].includes(entry.kind)) return;
    const place = parseNamespace(entry.namespace);
    if (isDefinition(place)) return this.#addDefinition(entry, place);
    if (!isReplayed(entry.namespace) || !(await this.#exists(entry))) return;
    if (isOldUpdate(entry)) return this.#addOldUpdate(entry, place);
    const operation = keepOperation(entry);
    if (this.#pendingBytes + operation.length > APPLY_BYTES) await this.#send();
    this.#pending.push(operation);
    this.#pendingBytes += operation.length;
    if (isLarge(operation.length)) return this.#sendLarge(operation.length);
    if (this.#pending.length >= APPLY_OPERATIONS) await this.#send();
  }

  /** Alone on its way: of two, each would be held by the driver several times over. */
  async #sendLarge(operationBytes: number): Promise<void> {
    letGo(operationBytes);
    await this.#flush();
    letGo(operationBytes);
  }

  /** Whether the operation's collection is there. One that was dropped later in the span is made for what comes before. */
  async #exists({ kind, namespace }: Entry): Promise<boolean> {
    if (this.#definitions.has(namespace)) return true;
    if (kind !== "i") return false;
    await this.#flush();
    return await this.#definitions.createFor(namespace);
  }

  async #addDefinition(entry: Entry, place: Namespace): Promise<void> {
    await this.#flush();
    if (isViews(place)) await this.#definitions.applyToViews(entry);
    else if (entry.kind === "i") this.#definitions.noteOldIndex(embedded(entry, "o"));
    this.operations += 1;
  }

  /** Servers of now refuse the format in which those before 5.0 log an update. */
  async #addOldUpdate(entry: Entry, place: Namespace): Promise<void> {
    await this.#flush();
    await updateRaw(this.#connection, place, embedded(entry, "o2"), embedded(entry, "o"));
    this.operations += 1;
  }

  async #addCommand(entry: Entry): Promise<void> {
    const { name, collection } = readCommand(entry);
    const { database } = parseNamespace(entry.namespace);
    const about = name === "renameCollection" ? collection : `${database}.${collection || "x"}`;
    const losesViews = name === "drop" && isViews(parseNamespace(about));
    if (!isReplayed(about) && !losesViews) return;
    await this.#flush();
    await this.#definitions.applyCommand(entry);
    this.operations += 1;
  }

  /** Sends what is pending once the batch before it is done, and does not wait for it. */
  async #send(): Promise<void> {
    await this.#flying;
    const operations = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#flying = operations.length === 0 ? undefined : this.#apply(operations);
    // Its failure is thrown to whoever waits for it next.
    this.#flying?.catch(() => {});
  }

  async #flush(): Promise<void> {
    await this.#send();
    await this.#flying;
  }

  async #apply(operations: readonly Buffer[]): Promise<void> {
    const { client, driver } = this.#connection;
    const list = makeDocument(
      operations.map((bytes, index) => makeElement(TYPE.document, String(index), bytes)),
    );
    const applyOps = driver.embed(list, TYPE.array);
    const command = { applyOps, bypassDocumentValidation: true, writeConcern: { w: 1 } };
    const reply = await this.#connection
      .run("Replaying", () => client.db("admin").command(command))
      .catch((error: unknown) => {
        throw toLoss(operations, error) ?? error;
      });
    const { results } = reply;
    const failed = findFailed(results);
    if (failed >= 0 || results.length !== operations.length)
      throw notApplied(operations[failed], results.length, operations.length);
    this.operations += operations.length;
  }
}

/** Whether the documents of this collection are definitions. */
function isDefinition(place: Namespace): boolean {
  return isViews(place) || place.collection === "system.indexes";
}

/** Whether an update names operators, as `$set`, or the version 1 of the format, instead of a document or a difference. */
function isOldUpdate(entry: Entry): boolean {
  if (entry.kind !== "u") return false;
  const [first] = readElements(embedded(entry, "o"));
  if (first === undefined || !first.name.startsWith("$")) return false;
  return findElement(embedded(entry, "o"), "diff") === undefined;
}

/** An operation that can be applied anywhere and again: without the source's UUIDs, session and time. */
function keepOperation(entry: Entry): Buffer {
  const elements = KEPT.map((name) => entry.elements.get(name))
    .filter((element): element is Element => element !== undefined)
    .map(({ start, end }) => entry.bytes.subarray(start, end));
  return makeDocument(entry.kind === "u" ? [...elements, UPSERT] : elements);
}

function findFailed(results: readonly boolean[]): number {
  return results.findIndex((done) => done !== true);
}

/** The server's answer that an operation failed, as what it means; undefined for other errors. */
function toLoss(operations: readonly Buffer[], error: unknown): IntegrityError | undefined {
  if (!(error instanceof SourceError) || error.code !== "COMMAND_FAILED") return undefined;
  const { errorResponse } = error.cause as { errorResponse?: Document };
  const { results } = (errorResponse ?? {}) as { results?: boolean[] };
  const failed = results === undefined ? -1 : findFailed(results);
  return notApplied(operations[failed], results?.length ?? 0, operations.length, error);
}

function notApplied(
  operation: Buffer | undefined,
  got: number,
  expected: number,
  cause?: Error,
): IntegrityError {
  const namespace =
    operation === undefined ? "?" : (readText(operation, findElement(operation, "ns")) ?? "?");
  const names = operation === undefined ? [] : [...readElements(operation)].map(({ name }) => name);
  const why = cause === undefined ? "" : `: ${cause.message}`;
  return new IntegrityError(
    "WRITE_ERRORS",
    `${namespace}: an operation of the oplog was not applied (${got} of ${expected} answered)${why}. The target is not a copy of the backup: do not use it.`,
    { cause, facts: { namespace, got, expected, names } },
  );
}
