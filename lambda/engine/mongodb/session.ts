import { invariant } from "../model/errors.ts";
import type { Fingerprint, NamespaceFingerprint } from "../model/fingerprint.ts";
import type { Position } from "../model/manifest.ts";
import { logTimeOf, positionOf } from "../model/position.ts";
import type {
  Changes,
  ChangesOptions,
  Context,
  Dump,
  DumpOptions,
  FingerprintOptions,
  RestoreReport,
  RestoreRequest,
  Session,
  SourceFacts,
} from "../sources/source.ts";
import { type ContentHash, loadContentHash } from "../stream/content-hash.ts";
import { ByteBudget } from "./byte-budget.ts";
import { MongodbChanges } from "./changes.ts";
import type { Connection } from "./connect.ts";
import { MongodbDump } from "./dump.ts";
import type { DumpTools } from "./dump-tools.ts";
import { fingerprintNamespace, isCompared } from "./fingerprint-live.ts";
import { type Listed, listDatabases, listNamespaces } from "./list-namespaces.ts";
import { isUsers, nameOf } from "./names.ts";
import { findEnd, hasOplog } from "./oplog.ts";
import { type Expected, leaveOutOwn } from "./own-users.ts";
import { restore } from "./restore.ts";
import { MongodbQueryDump } from "./scope/query-dump.ts";
import { type Part, partOf } from "./scope/scopes.ts";
import { readSpace } from "./space.ts";
import { listTarget } from "./target.ts";

/** With Node's own 60 MB and what the driver holds while a reply arrives, this keeps the process below 256 MB. */
const BUDGET_BYTES = 48 * 1024 * 1024;

/** What goes with a session's connection. */
export interface Beside {
  /** As somebody else to the same server, who replays the oplog. */
  readonly replayConnection?: Connection;
  /** What the operator ought to know of the connection. */
  readonly notes: readonly string[];
}

interface Server extends Beside {
  readonly versions: Readonly<Record<string, string>>;
  readonly keepsLog: boolean;
}

/** An open MongoDB. */
export class MongodbSession implements Session {
  readonly #connection: Connection;
  readonly #context: Pick<Context, "clock" | "progress">;
  readonly #newContent: () => ContentHash;
  readonly #server: Server;
  readonly #budget = new ByteBudget(BUDGET_BYTES);
  readonly #deferred = new Map<string, readonly Buffer[]>();
  readonly #close: () => Promise<void>;
  /** A standalone keeps no oplog. */
  readonly changes?: (from: Position, options: ChangesOptions) => Changes;

  private constructor(
    connection: Connection,
    context: Pick<Context, "clock" | "progress">,
    newContent: () => ContentHash,
    server: Server,
    close: () => Promise<void>,
  ) {
    this.#connection = connection;
    this.#context = context;
    this.#newContent = newContent;
    this.#server = server;
    this.#close = close;
    if (server.keepsLog) this.changes = (from, options) => this.#readChanges(from, options);
  }

  /** `close` is called once, at the end, and closes the connections. */
  static async open(
    connection: Connection,
    context: Pick<Context, "clock" | "progress">,
    beside: Beside,
    close: () => Promise<void>,
  ): Promise<MongodbSession> {
    const versions = await readVersions(connection);
    const server = { ...beside, versions, keepsLog: await hasOplog(connection) };
    return new MongodbSession(connection, context, await loadContentHash(), server, close);
  }

  async probe(): Promise<SourceFacts> {
    const databases = await listDatabases(this.#connection);
    const position = (await hasOplog(this.#connection))
      ? positionOf(await findEnd(this.#connection))
      : { at: this.#context.clock.now().toISOString() };
    const namespaces = await listTarget(this.#connection);
    return {
      versions: this.#server.versions,
      bytesEstimate: databases.reduce((sum, { bytes }) => sum + bytes, 0),
      position,
      empty: namespaces.length === 0,
      namespaces,
      ...(await readSpace(this.#connection)),
    };
  }

  dump(options: DumpOptions): Dump {
    const { scope } = options;
    return scope?.query === undefined
      ? new MongodbDump(this.#tools(), options)
      : new MongodbQueryDump(this.#tools(), scope);
  }

  #readChanges(from: Position, options: ChangesOptions): Changes {
    const time = logTimeOf(from);
    invariant(time !== undefined, "changes were asked for after a position without a place in the oplog");
    return new MongodbChanges(this.#tools(), time, options);
  }

  async restore(request: RestoreRequest): Promise<RestoreReport> {
    return restore(this.#tools(), request);
  }

  async fingerprint({ namespaces, like, backup, restored }: FingerprintOptions = {}): Promise<Fingerprint> {
    const part = restored && partOf(restored.manifest.scope, restored.scope);
    const wanted = namespaces === undefined ? undefined : new Set(namespaces);
    const result: Record<string, NamespaceFingerprint> = {};
    for (const found of await listNamespaces(this.#connection)) {
      const name = nameOf(found.namespace);
      const listed = { ...found, indexes: this.#deferred.get(name) ?? found.indexes };
      if (wanted?.has(name) === false || (part && !isOfPart(part, found))) continue;
      const read = await this.#fingerprintOne(listed, like && { like, ...(backup && { backup }) });
      if (isCompared(listed.namespace, read.count)) result[name] = read;
    }
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async #fingerprintOne(listed: Listed, expected: Expected | undefined): Promise<NamespaceFingerprint> {
    const options = { budget: this.#budget };
    const read = await fingerprintNamespace(this.#connection, listed, this.#newContent(), options);
    if (expected === undefined || !isUsers(listed.namespace)) return read;
    return leaveOutOwn(this.#tools(), listed, read, expected);
  }

  #tools(): DumpTools {
    const { replayConnection } = this.#server;
    return {
      connection: this.#connection,
      budget: this.#budget,
      deferred: this.#deferred,
      clock: this.#context.clock,
      versions: this.#server.versions,
      notes: this.#server.notes,
      ...(replayConnection === undefined ? {} : { replayConnection }),
      newContent: this.#newContent,
      progress: (event) => this.#context.progress(event),
    };
  }
}

/** Whether the restore of a part is answerable for it. */
function isOfPart(part: Part, { namespace }: Listed): boolean {
  return isUsers(namespace) ? part.users : part.isTarget(nameOf(namespace));
}

/** `{ server: "7.0.15", major: "7", featureCompatibility: "7.0" }`; the last is left out where it may not be read. */
async function readVersions(connection: Connection): Promise<Readonly<Record<string, string>>> {
  const admin = connection.client.db("admin");
  const build = await connection.run("Asking for the version", () => admin.command({ buildInfo: 1 }));
  const server = String(build.version);
  const document = await admin
    .collection<{ _id: string; version: string }>("system.version")
    .findOne({ _id: "featureCompatibilityVersion" })
    .catch(() => null);
  const major = server.slice(0, server.indexOf("."));
  return { server, major, ...(document === null ? {} : { featureCompatibility: document.version }) };
}
