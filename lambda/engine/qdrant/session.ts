import type { Fingerprint } from "../model/fingerprint.ts";
import type {
  Context,
  FingerprintOptions,
  RestoreReport,
  RestoreRequest,
  Session,
  SourceFacts,
} from "../sources/source.ts";
import { loadContentHash } from "../stream/content-hash.ts";
import { QdrantApi } from "./api.ts";
import { type Place, QdrantClient } from "./client.ts";
import { QdrantDump, type QdrantTools } from "./dump.ts";
import { fingerprintServer, namespaceOf } from "./fingerprint.ts";
import { readDescriptions } from "./layout.ts";
import { restore } from "./restore.ts";
import { lineOf } from "./versions.ts";

/** A session on one node of Qdrant. */
export class QdrantSession implements Session {
  readonly #tools: QdrantTools;
  readonly #close: () => Promise<void>;

  private constructor(tools: QdrantTools, close: () => Promise<void>) {
    this.#tools = tools;
    this.#close = close;
  }

  /** `close` is called when the session is. Throws `SourceError`: also where the key is wrong, at once. */
  static async open(place: Place, context: Context, close: () => Promise<void>): Promise<QdrantSession> {
    const api = new QdrantApi(new QdrantClient(place));
    const { version } = await api.root();
    // The version is told to anybody; the list is not.
    await api.collections();
    const versions = { server: version, major: lineOf(version) };
    const { clock, random } = context;
    const progress: Context["progress"] = (event) => context.progress(event);
    const newContent = await loadContentHash();
    return new QdrantSession({ api, versions, clock, random, progress, newContent }, close);
  }

  async probe(): Promise<SourceFacts> {
    const { api, versions, clock } = this.#tools;
    const collections = await api.collections();
    return {
      versions,
      bytesEstimate: 0,
      position: { at: clock.now().toISOString() },
      empty: collections.length === 0,
      namespaces: collections.map(namespaceOf),
    };
  }

  dump(): QdrantDump {
    return new QdrantDump(this.#tools);
  }

  restore(request: RestoreRequest): Promise<RestoreReport> {
    return restore(this.#tools, request);
  }

  async fingerprint({ namespaces, backup }: FingerprintOptions = {}): Promise<Fingerprint> {
    const described = backup === undefined ? [] : (await readDescriptions(backup)).collections;
    const found = await fingerprintServer(this.#tools, described);
    if (namespaces === undefined) return found;
    return Object.fromEntries(Object.entries(found).filter(([name]) => namespaces.includes(name)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}
