import type { FileSystem } from "../host/file-system.ts";
import { invariant, throwIfAborted } from "../model/errors.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import type { Clock, Random } from "../model/ids.ts";
import type { Dump, DumpSummary, Progress, StoredItem } from "../sources/source.ts";
import { BUNDLE_ITEM, SALT_BYTES, writeBundle } from "./bundle.ts";
import type { ConfigFilesConfig } from "./config.ts";
import type { Entry } from "./entry.ts";
import { findAll, type IfMissing } from "./find.ts";
import { KeyedFingerprint } from "./fingerprint.ts";
import { readEntry } from "./read.ts";

/** Of the source, not of a server: a backup is drilled in a folder. */
export const MAJOR = "1";

export interface ConfigFilesTools {
  readonly config: ConfigFilesConfig;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  progress(event: Progress): void;
}

/** A dump in progress: one artifact. */
export class ConfigFilesDump implements Dump {
  readonly items: AsyncIterable<StoredItem>;
  readonly #tools: ConfigFilesTools;
  readonly #ifMissing: IfMissing;
  #summary: Pick<DumpSummary, "fingerprint" | "notes"> | undefined;

  constructor(tools: ConfigFilesTools, ifMissing: IfMissing) {
    this.#tools = tools;
    this.#ifMissing = ifMissing;
    this.items = { [Symbol.asyncIterator]: () => this.#makeItems() };
  }

  async summary(): Promise<DumpSummary> {
    invariant(this.#summary !== undefined, "a summary was asked for while the artifact is unread");
    return {
      ...this.#summary,
      to: { at: this.#tools.clock.now().toISOString() },
      versions: { major: MAJOR },
    };
  }

  async *#makeItems(): AsyncGenerator<StoredItem> {
    yield { name: BUNDLE_ITEM, body: this.#body(), stored: "as-it-is" };
  }

  async *#body(): AsyncGenerator<Uint8Array> {
    const salt = Buffer.from(this.#tools.random.bytes(SALT_BYTES));
    const prints = new KeyedFingerprint(salt);
    yield* writeBundle(salt, this.#entries(prints), this.#tools.random);
    const notes = prints.notes();
    this.#summary = { fingerprint: prints.finish(), ...(notes.length > 0 && { notes }) };
  }

  async *#entries(prints: KeyedFingerprint): AsyncGenerator<Entry> {
    const { config, files, signal, progress } = this.#tools;
    for await (const found of findAll(config, files, this.#ifMissing)) {
      throwIfAborted(signal);
      const entry = await readEntry(found, files, signal);
      prints.add(entry);
      progress({ phase: "dump", name: BUNDLE_ITEM, bytes: entry.bytes.length });
      yield entry;
    }
  }
}

/** What is there now, with digests of the same key as a backup's; what is not there is for the comparison to say. */
export async function fingerprintLive(
  salt: Buffer,
  { config, files, signal }: Pick<ConfigFilesTools, "config" | "files" | "signal">,
): Promise<Fingerprint> {
  const prints = new KeyedFingerprint(salt);
  for await (const found of findAll(config, files, "pass")) prints.add(await readEntry(found, files, signal));
  return prints.finish();
}
