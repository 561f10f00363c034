import type { Fingerprint } from "../model/fingerprint.ts";
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
import { restore } from "./restore.ts";
import { isEmpty } from "./target.ts";
import type { RedisTools } from "./tools.ts";

/** An open Redis. */
export class RedisSession implements Session {
  readonly #connection: RedisConnection;
  readonly #tools: RedisTools;
  readonly #close: () => Promise<void>;

  private constructor(connection: RedisConnection, tools: RedisTools, close: () => Promise<void>) {
    this.#connection = connection;
    this.#tools = tools;
    this.#close = close;
  }

  /** `close` is called once, after the connection was closed. Throws `SourceError`. */
  static async open(
    options: ConnectOptions,
    context: Pick<Context, "clock" | "progress" | "signal">,
    close: () => Promise<void>,
  ): Promise<RedisSession> {
    const { clock, signal } = context;
    const connect = () => RedisConnection.open(options, signal);
    const connection = await connect();
    try {
      const server = (await readInfo(connection)).redis_version ?? "";
      const versions = { server, major: server.split(".")[0] ?? "" };
      const newContent = await loadContentHash();
      const progress: Context["progress"] = (event) => context.progress(event);
      return new RedisSession(connection, { signal, clock, versions, connect, newContent, progress }, close);
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
    return restore(this.#tools, request);
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
    await this.#close();
  }
}
