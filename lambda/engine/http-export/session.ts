import type { Fingerprint } from "../model/fingerprint.ts";
import type {
  DumpOptions,
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

  /** Before a recovery whatever the application gives is set aside: that it breaks the rules may be why. */
  dump({ purpose }: DumpOptions): ExportDump {
    return new ExportDump(purpose === "safety" ? withoutRules(this.#tools) : this.#tools);
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

function withoutRules(tools: ExportTools): ExportTools {
  const requests = Object.entries(tools.requests).map(
    ([name, request]) => [name, { ...request, rules: { atLeast: 0, fields: {} } }] as const,
  );
  return { ...tools, requests: Object.fromEntries(requests) };
}
