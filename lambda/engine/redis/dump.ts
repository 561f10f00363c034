import { invariant, throwIfAborted } from "../model/errors.ts";
import type { Dump, DumpItem, DumpSummary } from "../sources/source.ts";
import { KeyspaceFingerprint } from "./keyspace.ts";
import type { RdbFacts } from "./rdb/decoder.ts";
import { pullRdb } from "./replication.ts";
import { decodeWhilePassing } from "./snapshot.ts";
import type { RedisTools } from "./tools.ts";

/** The one item of a dump: a file that a stock redis-server loads. */
export const RDB_ITEM = "dump/dump.rdb";

/** A dump in progress: the RDB of one moment, decoded while it passes. */
export class RedisDump implements Dump {
  readonly items: AsyncIterable<DumpItem>;
  readonly #tools: RedisTools;
  readonly #content: KeyspaceFingerprint;
  #facts: RdbFacts | undefined;

  constructor(tools: RedisTools) {
    this.#tools = tools;
    this.#content = new KeyspaceFingerprint(tools.newContent);
    this.items = { [Symbol.asyncIterator]: () => this.#makeItems() };
  }

  /** Throws when the item was not read to its end. */
  async summary(): Promise<DumpSummary> {
    const facts = this.#facts;
    invariant(facts !== undefined, "a summary was asked for while the RDB is unread");
    const takenAt = this.#content.takenAtMs;
    const at = (takenAt === undefined ? this.#tools.clock.now() : new Date(takenAt)).toISOString();
    return {
      fingerprint: this.#content.fingerprint(),
      to: { at },
      versions: { ...this.#tools.versions, rdb: String(facts.version), checksum: facts.checksum },
    };
  }

  async *#makeItems(): AsyncGenerator<DumpItem> {
    yield { name: RDB_ITEM, body: this.#read() };
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    const { signal, progress } = this.#tools;
    await using connection = await this.#tools.connect();
    let bytes = 0;
    const onEnd = (facts: RdbFacts) => {
      this.#facts = facts;
    };
    for await (const chunk of decodeWhilePassing(pullRdb(connection), this.#content, onEnd)) {
      throwIfAborted(signal);
      bytes += chunk.length;
      yield chunk;
      progress({ phase: "dump", name: RDB_ITEM, bytes });
    }
  }
}
