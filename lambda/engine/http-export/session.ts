import type { Fingerprint } from "../model/fingerprint.ts";
import type {
  FingerprintOptions,
  RestoreReport,
  RestoreRequest,
  Session,
  SourceFacts,
} from "../sources/source.ts";
import { ExportDump, type ExportTools } from "./dump.ts";
import { hasRecords, reimport } from "./reimport.ts";

/** A session on one application. An export has no log and no one moment: its requests are read one after the other. */
export class HttpExportSession implements Session {
  readonly #tools: ExportTools;
  readonly #close: () => Promise<void>;

  constructor(tools: ExportTools, close: () => Promise<void>) {
    this.#tools = tools;
    this.#close = close;
  }

  /** Asks for the first page of each export until one has a record. */
  async probe(): Promise<SourceFacts> {
    const { place, requests, clock } = this.#tools;
    let empty = true;
    for (const request of Object.values(requests)) empty &&= !(await hasRecords(place, request));
    return { versions: {}, bytesEstimate: 0, position: { at: clock.now().toISOString() }, empty };
  }

  dump(): ExportDump {
    return new ExportDump(this.#tools);
  }

  restore(request: RestoreRequest): Promise<RestoreReport> {
    return reimport(this.#tools.place, this.#tools.requests, request);
  }

  async fingerprint({ namespaces }: FingerprintOptions = {}): Promise<Fingerprint> {
    const wanted = Object.entries(this.#tools.requests).filter(
      ([name]) => namespaces?.includes(name) ?? true,
    );
    const dump = new ExportDump({ ...this.#tools, requests: Object.fromEntries(wanted) });
    for await (const { body } of dump.items) for await (const _ of body);
    return (await dump.summary()).fingerprint;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}
