import { EstateError, invariant, RefusedError, SourceError } from "../../model/errors.ts";
import { readPattern } from "../../model/pattern.ts";
import { positionOf } from "../../model/position.ts";
import type { DumpScope } from "../../model/scope.ts";
import type { Dump, DumpItem, DumpSummary } from "../../sources/source.ts";
import type { DumpTools } from "../dump-tools.ts";
import { fromExtendedJson } from "../extended-json.ts";
import { makeFingerprint } from "../fingerprint-live.ts";
import { piecesOf } from "../large-documents.ts";
import { type Listed, listNamespaces } from "../list-namespaces.ts";
import { encodeMetadata } from "../metadata.ts";
import { dataItem, metadataItem, nameOf, PRELUDE_ITEM } from "../names.ts";
import { findMajority, hasOplog, type OplogTime, toTimestamp } from "../oplog.ts";
import { readRaw } from "../read-raw.ts";

/** SnapshotTooOld and SnapshotUnavailable, from the server's error_codes.yml. */
const SNAPSHOT_GONE = [239, 246];

/**
 * A dump of those documents of one collection that fit a query, as of one moment: a snapshot. The oplog could not
 * bring reads of different moments to one, because it does not tell which documents fit.
 */
export class MongodbQueryDump implements Dump {
  readonly items: AsyncIterable<DumpItem>;
  readonly #tools: DumpTools;
  readonly #scope: DumpScope;
  readonly #name: string;
  #summary: DumpSummary | undefined;

  constructor(tools: DumpTools, scope: DumpScope) {
    this.#tools = tools;
    this.#scope = scope;
    this.#name = readPattern(scope.include?.[0] ?? "")?.pieces.join("") ?? "";
    this.items = { [Symbol.asyncIterator]: () => this.#makeItems() };
  }

  async summary(): Promise<DumpSummary> {
    invariant(this.#summary !== undefined, "a summary was asked for before the documents were read");
    return this.#summary;
  }

  async *#makeItems(): AsyncGenerator<DumpItem> {
    const { connection, versions } = this.#tools;
    const { BSON } = connection.driver;
    const filter = this.#readQuery();
    if (!(await hasOplog(connection))) throw needsReplicaSet();
    const listed = await this.#find();
    // In this order: what is listed before, and still the same after the read, was there at the moment between.
    const at = await findMajority(connection);
    const prelude = JSON.stringify({ ServerVersion: versions.server, ToolVersion: "backup-estate" });
    yield { name: PRELUDE_ITEM, body: yieldOnce(Buffer.from(prelude)) };
    yield { name: metadataItem(listed.namespace), body: yieldOnce(encodeMetadata(BSON, listed)) };
    yield { name: dataItem(listed.namespace), body: this.#readData(listed, filter, at) };
  }

  #readQuery(): Buffer {
    const { query = "" } = this.#scope;
    try {
      return fromExtendedJson(this.#tools.connection.driver.BSON, query, "The query");
    } catch (cause) {
      throw new RefusedError(
        "INPUT_INVALID",
        `The query is no extended JSON: ${query.slice(0, 200)}. Write it as mongodump takes it, such as {"year":{"$numberInt":"2026"}}.`,
        { cause },
      );
    }
  }

  async #find(): Promise<Listed> {
    const all = await listNamespaces(this.#tools.connection);
    const listed = all.find(({ namespace }) => nameOf(namespace) === this.#name);
    if (listed?.kind === "collection") return listed;
    throw new RefusedError(
      "INPUT_INVALID",
      `A query needs a collection: ${this.#name} is ${listed === undefined ? "not there" : `a ${listed.kind}, whose documents cannot be told apart by a query`}. Name another one, or leave the query out.`,
      { facts: { name: this.#name } },
    );
  }

  async *#readData(listed: Listed, filter: Buffer, at: OplogTime): AsyncGenerator<Uint8Array> {
    const { connection, budget, versions, newContent, progress } = this.#tools;
    const content = newContent();
    const options = { budget, filter: connection.driver.embed(filter), at: toTimestamp(connection, at) };
    try {
      for await (const { documents, ends } of readRaw(connection, listed.namespace, options)) {
        content.addAll(documents, ends);
        yield* piecesOf({ documents, ends });
        progress({ phase: "dump", name: this.#name, bytes: content.bytes });
      }
    } catch (error) {
      throw isSnapshotGone(error) ? snapshotGone(this.#name, error) : error;
    }
    if (!isSame(listed, await this.#find())) throw redefined(this.#name);
    const fingerprint = { [this.#name]: makeFingerprint(connection, listed, content) };
    this.#summary = { fingerprint, to: positionOf(at), versions, scope: this.#scope };
  }
}

async function* yieldOnce(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function isSame(left: Listed, right: Listed): boolean {
  return (
    left.uuid === right.uuid &&
    left.options.equals(right.options) &&
    left.indexes.length === right.indexes.length &&
    left.indexes.every((index, at) => right.indexes[at]?.equals(index) === true)
  );
}

function isSnapshotGone(error: unknown): boolean {
  return error instanceof EstateError && SNAPSHOT_GONE.includes(Number(error.facts.code));
}

function snapshotGone(name: string, cause: unknown): SourceError {
  return new SourceError(
    "UNSUPPORTED",
    `The server no longer holds the moment of the dump of ${name} by a query; it keeps 5 minutes by default. Raise minSnapshotHistoryWindowInSeconds, give the query an index, or dump the whole collection.`,
    { cause, facts: { name } },
  );
}

function redefined(name: string): SourceError {
  return new SourceError(
    "UNHEALTHY",
    `${name} was made anew, or its options or indexes changed, while it was dumped by a query. Run again.`,
    { facts: { name } },
  );
}

function needsReplicaSet(): SourceError {
  return new SourceError(
    "UNSUPPORTED",
    "A dump by a query is read at one moment, which a standalone server cannot give: got a standalone, expected a member of a replica set. Make it a set of one, or dump the whole collection.",
  );
}
