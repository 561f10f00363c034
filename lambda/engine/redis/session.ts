import { SourceError } from "../model/errors.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import { makeId } from "../model/ids.ts";
import type {
  Context,
  Dump,
  FingerprintOptions,
  RestoreReport,
  RestoreRequest,
  Session,
  SourceFacts,
} from "../sources/source.ts";
import { loadContentHash } from "../stream/content-hash.ts";
import { fingerprintLive, fingerprintRestored } from "./compare-live.ts";
import { type ConnectOptions, RedisConnection, readInfo } from "./connection.ts";
import { RedisDump } from "./dump.ts";
import type { FilePlace } from "./place-file.ts";
import { restore, restoreByFile } from "./restore.ts";
import { isEmpty } from "./target.ts";
import type { RedisTools } from "./tools.ts";

/** How a Redis is opened, and what opens and closes with it. */
export interface SessionOptions {
  readonly connect: ConnectOptions;
  /** Where a restore puts the RDB, instead of giving the running server key by key. */
  readonly place?: FilePlace;
  /** Reaches the server anew once it was started again. */
  reachAgain(): Promise<Pick<ConnectOptions, "host" | "port">>;
  /** Called once, after the connection was closed. */
  close(): Promise<void>;
}

type SessionContext = Pick<Context, "clock" | "progress" | "signal" | "host" | "random">;

/** An open Redis. */
export class RedisSession implements Session {
  readonly #connection: RedisConnection;
  readonly #tools: RedisTools;
  readonly #options: SessionOptions;
  readonly #context: SessionContext;

  private constructor(
    connection: RedisConnection,
    tools: RedisTools,
    options: SessionOptions,
    context: SessionContext,
  ) {
    this.#connection = connection;
    this.#tools = tools;
    this.#options = options;
    this.#context = context;
  }

  /** Throws `SourceError`. */
  static async open(options: SessionOptions, context: SessionContext): Promise<RedisSession> {
    const { clock, signal } = context;
    const connect = () => RedisConnection.open(options.connect, signal);
    const connection = await connect();
    try {
      const server = (await readInfo(connection)).redis_version ?? "";
      const versions = { server, major: server.split(".")[0] ?? "" };
      const newContent = await loadContentHash();
      const progress: Context["progress"] = (event) => context.progress(event);
      const tools = { signal, clock, versions, connect, newContent, progress };
      return new RedisSession(connection, tools, options, context);
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw error;
    }
  }

  async probe(): Promise<SourceFacts> {
    const info = await readInfo(this.#connection);
    return {
      versions: this.#tools.versions,
      bytesEstimate: Number(info.used_memory_dataset ?? info.used_memory ?? 0),
      position: { at: this.#tools.clock.now().toISOString() },
      empty: isEmpty(info),
    };
  }

  dump(): Dump {
    return new RedisDump(this.#tools);
  }

  async restore(request: RestoreRequest): Promise<RestoreReport> {
    const { place } = this.#options;
    return place === undefined ? restore(this.#tools, request) : this.#restoreByFile(place, request);
  }

  async fingerprint({ namespaces, backup }: FingerprintOptions = {}): Promise<Fingerprint> {
    const found =
      backup === undefined
        ? await fingerprintLive(this.#tools)
        : await fingerprintRestored(this.#tools, backup);
    if (namespaces === undefined) return found;
    return Object.fromEntries(Object.entries(found).filter(([name]) => namespaces.includes(name)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
    await this.#options.close();
  }

  async #restoreByFile(place: FilePlace, request: RestoreRequest): Promise<RestoreReport> {
    const { host, clock, random, signal } = this.#context;
    if (host.files === undefined)
      throw new SourceError(
        "UNSUPPORTED",
        "The RDB is put on the host by SSH only, and there is no SSH connection here. Leave out `recoverByFile`.",
      );
    await using files = await host.files();
    const { connect, reachAgain } = this.#options;
    const connectAgain = async () => RedisConnection.open({ ...connect, ...(await reachAgain()) }, signal);
    const newName = () => `restore-${makeId(clock, random)}`;
    return await restoreByFile({ ...this.#tools, place, host, files, connectAgain, newName }, request);
  }
}
