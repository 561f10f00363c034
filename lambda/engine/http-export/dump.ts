import { invariant } from "../model/errors.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import type { Clock } from "../model/ids.ts";
import type { Dump, DumpSummary, Progress, StoredItem } from "../sources/source.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import type { ExportRequest } from "./config.ts";
import { fingerprintExport, itemOf, REQUESTS_ITEM } from "./layout.ts";
import { readExport } from "./read-export.ts";
import { RecordJudge } from "./rules.ts";
import type { Place } from "./send.ts";

const LINE_FEED = Buffer.from("\n");
/** Small records travel together: a chunk a record would cost more than the record. */
const CHUNK_BYTES = 256 * 1024;

/** What a dump of exports works with. */
export interface ExportTools {
  readonly place: Place;
  readonly requests: Readonly<Record<string, ExportRequest>>;
  readonly clock: Clock;
  newContent(): ContentHash;
  progress(event: Progress): void;
}

/** A dump in progress: what was asked for, then one item a request, a record a line. */
export class ExportDump implements Dump {
  readonly items: AsyncIterable<StoredItem>;
  readonly #tools: ExportTools;
  readonly #fingerprint: Record<string, Fingerprint[string]> = {};

  constructor(tools: ExportTools) {
    this.#tools = tools;
    this.items = { [Symbol.asyncIterator]: () => this.#makeItems() };
  }

  async summary(): Promise<DumpSummary> {
    const unread = Object.keys(this.#tools.requests).filter(
      (name) => !Object.hasOwn(this.#fingerprint, name),
    );
    invariant(unread.length === 0, `a summary was asked for while items are unread: ${unread.join(", ")}`);
    const to = { at: this.#tools.clock.now().toISOString() };
    return { fingerprint: this.#fingerprint, to, versions: {} };
  }

  async *#makeItems(): AsyncGenerator<StoredItem> {
    const { requests } = this.#tools;
    yield { name: REQUESTS_ITEM, body: once(Buffer.from(`${JSON.stringify(requests, undefined, 2)}\n`)) };
    for (const [name, request] of Object.entries(requests))
      yield { name: itemOf(name, request.format), body: this.#read(name, request) };
  }

  async *#read(name: string, request: ExportRequest): AsyncGenerator<Uint8Array> {
    const { place, newContent, progress } = this.#tools;
    const judge = new RecordJudge(request, `The export ${name}`);
    const content = newContent();
    let chunk: Buffer[] = [];
    let bytes = 0;
    const take = () => {
      const taken = Buffer.concat(chunk);
      progress({ phase: "dump", name, bytes: taken.length });
      chunk = [];
      bytes = 0;
      return taken;
    };
    for await (const record of readExport(place, request, judge)) {
      if (judge.isRecord) content.addAll(record, [record.length]);
      chunk.push(record, LINE_FEED);
      bytes += record.length + 1;
      if (bytes >= CHUNK_BYTES) yield take();
    }
    if (bytes > 0) yield take();
    this.#fingerprint[name] = fingerprintExport(request, judge, content);
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
