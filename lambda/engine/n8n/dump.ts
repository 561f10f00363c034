import { createReadStream } from "node:fs";
import { join } from "node:path";
import { invariant, SourceError } from "../model/errors.ts";
import type { Clock } from "../model/ids.ts";
import type { Dump, DumpItem, DumpSummary, Progress } from "../sources/source.ts";
import { openDatabase } from "./database.ts";
import { type Judged, type JudgeTools, judgeDatabase } from "./fingerprint-database.ts";
import { DATABASE_ITEM, EXPORTS, exportTable } from "./layout.ts";
import { CHUNK_BYTES } from "./limits.ts";
import { copyWithoutExecutions } from "./slim-copy.ts";
import { versionsOf } from "./versions.ts";

export interface DumpTools extends JudgeTools {
  readonly clock: Clock;
  /** An empty folder on the worker's disk. */
  readonly scratch: string;
  /** As messages name it. */
  readonly keySecret: string;
  /** Copies the live database, as of one moment, to a path of the worker's disk. */
  fetch(target: string): Promise<void>;
  progress(event: Progress): void;
}

/** A dump in progress: one copy of the database without executions, and what n8n itself would export of it. */
export class N8nDump implements Dump {
  readonly items: AsyncIterable<DumpItem>;
  readonly #tools: DumpTools;
  readonly #unread = new Set([DATABASE_ITEM, ...EXPORTS.map(({ item }) => item)]);
  #summary: DumpSummary | undefined;

  constructor(tools: DumpTools) {
    this.#tools = tools;
    this.items = { [Symbol.asyncIterator]: () => this.#makeItems() };
  }

  async summary(): Promise<DumpSummary> {
    const summary = this.#summary;
    invariant(
      summary !== undefined && this.#unread.size === 0,
      `a summary was asked for while items are unread: ${[...this.#unread].join(", ")}`,
    );
    return summary;
  }

  async *#makeItems(): AsyncGenerator<DumpItem> {
    const { scratch, signal, clock } = this.#tools;
    const [whole, slim] = [join(scratch, "whole.sqlite"), join(scratch, "slim.sqlite")];
    this.#tools.progress({ phase: "copy", name: DATABASE_ITEM, bytes: 0 });
    await this.#tools.fetch(whole);
    const to = { at: clock.now().toISOString() };
    await copyWithoutExecutions(whole, slim, signal);
    await this.#judge(slim, to);
    for (const { item, table } of EXPORTS)
      yield { name: item, body: this.#tell(item, this.#export(slim, table)) };
    yield { name: DATABASE_ITEM, body: this.#tell(DATABASE_ITEM, createReadStream(slim, READ)) };
  }

  async #judge(slim: string, to: DumpSummary["to"]): Promise<void> {
    const database = await openDatabase(slim, "read");
    try {
      const judged = await judgeDatabase(database, this.#tools);
      requireKey(judged, this.#tools.keySecret);
      this.#summary = { fingerprint: judged.fingerprint, to, versions: versionsOf(database) };
    } finally {
      database.close();
    }
  }

  /** By a connection of its own: bodies are read side by side, and the last is asked for while others are still read. */
  async *#export(slim: string, table: string): AsyncGenerator<Buffer> {
    const database = await openDatabase(slim, "read");
    try {
      yield* exportTable(database, table, this.#tools.signal);
    } finally {
      database.close();
    }
  }

  async *#tell(name: string, body: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
    let bytes = 0;
    for await (const chunk of body) {
      bytes += chunk.length;
      yield chunk;
      this.#tools.progress({ phase: "dump", name, bytes });
    }
    this.#unread.delete(name);
  }
}

const READ = { highWaterMark: CHUNK_BYTES };

/** A backup whose credentials nobody can read is none. */
function requireKey({ unreadable: { count, ids } }: Judged, keySecret: string): void {
  if (count === 0) return;
  throw new SourceError(
    "UNHEALTHY",
    `${count} of n8n's credentials do not decrypt with the key in the secret ${keySecret}, expected all: ${ids.join(", ")}${count > ids.length ? ", …" : ""}. Put the key that this instance uses (N8N_ENCRYPTION_KEY, or encryptionKey of its file config) into the secret; credentials that an older key made must be entered again in n8n.`,
    { facts: { unreadable: count, ids: [...ids] } },
  );
}
