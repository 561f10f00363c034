import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FileSystem } from "../host/file-system.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import { makeId } from "../model/ids.ts";
import type {
  Context,
  FingerprintOptions,
  Purpose,
  RestoreReport,
  RestoreRequest,
  Session,
  SourceFacts,
} from "../sources/source.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import type { N8nConfig } from "./config.ts";
import { openDatabase } from "./database.ts";
import { N8nDump } from "./dump.ts";
import { fetchDatabase, requireDatabase } from "./fetch-database.ts";
import { copyOnHost } from "./host-copy.ts";
import { EXPORTS } from "./layout.ts";
import { VERSIONS } from "./limits.ts";
import { requireStopped } from "./require-stopped.ts";
import { judgeFile, restoreDatabase } from "./restore.ts";
import { versionsOf } from "./versions.ts";

export interface SessionTools {
  readonly config: N8nConfig;
  readonly context: Context;
  readonly purpose: Purpose;
  readonly files: FileSystem;
  readonly encryptionKey: string;
  readonly newContent: () => ContentHash;
}

/** A session on n8n's database, on the host or in the folder of a drill. */
export class N8nSession implements Session {
  readonly #tools: SessionTools;
  readonly #scratch: string;

  private constructor(tools: SessionTools, scratch: string) {
    this.#tools = tools;
    this.#scratch = scratch;
  }

  /** Makes a folder on the worker's disk, which is gone when the session is closed. */
  static async open(tools: SessionTools): Promise<N8nSession> {
    return new N8nSession(tools, await mkdtemp(join(tmpdir(), "n8n-")));
  }

  /** Reads the database once: only SQLite can tell what is in it. */
  async probe(): Promise<SourceFacts> {
    const { files, context, config, purpose } = this.#tools;
    const facts = await files.stat(Buffer.from(config.database));
    const position = { at: context.clock.now().toISOString() };
    if (facts === undefined && purpose === "write")
      return { versions: VERSIONS, bytesEstimate: 0, position, empty: true };
    const bytesEstimate = (await requireDatabase(config.database, files)).bytes;
    return { ...(await this.#look()), bytesEstimate, position };
  }

  dump(): N8nDump {
    return new N8nDump({
      ...this.#judging(),
      clock: this.#tools.context.clock,
      scratch: this.#scratch,
      keySecret: this.#tools.config.encryptionKeySecret,
      fetch: (target) => this.#fetch(target),
      progress: (event) => this.#tools.context.progress(event),
    });
  }

  restore(request: RestoreRequest): Promise<RestoreReport> {
    const { files, config, context } = this.#tools;
    const tools = {
      ...this.#judging(),
      ...{ files, scratch: this.#scratch, database: config.database },
      keySecret: config.encryptionKeySecret,
      newName: () => `restore-${makeId(context.clock, context.random)}`,
      isEmpty: async () => (await this.probe()).empty,
      requireStopped: () =>
        requireStopped(config.database, {
          files,
          host: context.host,
          copy: config.copy,
          signal: context.signal,
        }),
      progress: (event: Parameters<Context["progress"]>[0]) => context.progress(event),
    };
    return restoreDatabase(tools, request);
  }

  async fingerprint({ namespaces }: FingerprintOptions = {}): Promise<Fingerprint> {
    const path = join(this.#scratch, "judged.sqlite");
    await this.#fetch(path);
    const { fingerprint } = await judgeFile(path, this.#tools.config.database, this.#judging());
    if (namespaces === undefined) return fingerprint;
    return Object.fromEntries(Object.entries(fingerprint).filter(([name]) => namespaces.includes(name)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#scratch, { recursive: true, force: true });
    await this.#tools.files[Symbol.asyncDispose]();
  }

  #judging() {
    const { encryptionKey, newContent, context } = this.#tools;
    return { encryptionKey, newContent, signal: context.signal };
  }

  async #look(): Promise<Pick<SourceFacts, "versions" | "empty">> {
    const path = join(this.#scratch, "probed.sqlite");
    await this.#fetch(path);
    const database = await openDatabase(path, "write");
    try {
      const isEmpty = ({ table }: { table: string }) =>
        database.prepare("SELECT 1 FROM sqlite_master WHERE name = ?").get(table) === undefined ||
        database.prepare(`SELECT 1 FROM ${table} LIMIT 1`).get() === undefined;
      return { versions: versionsOf(database), empty: EXPORTS.every(isEmpty) };
    } finally {
      database.close();
    }
  }

  async #fetch(target: string): Promise<void> {
    const { files, config, context } = this.#tools;
    const { signal, host } = context;
    await requireDatabase(config.database, files);
    if (config.copy === "sftp") return await fetchDatabase(config.database, target, { files, signal });
    await using copy = await copyOnHost(config.database, { host, files, signal });
    await fetchDatabase(copy.path, target, { files, signal });
  }
}
