import type { FileSystem } from "../host/file-system.ts";
import type { Host } from "../host/host.ts";
import { invariant, SourceError, throwIfAborted } from "../model/errors.ts";
import type { NamespaceFingerprint } from "../model/fingerprint.ts";
import type { Clock } from "../model/ids.ts";
import type { Dump, DumpOptions, DumpSummary, Progress, StoredItem } from "../sources/source.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import type { CertificatesConfig } from "./config.ts";
import { findPlaces, type Place } from "./find.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { chainItem, factsOf, INDEX_ITEM, type Index, keyItem } from "./index-file.ts";
import { type Found, readFound } from "./read.ts";
import { askServed } from "./served.ts";

/** Of the source, not of a server: a backup is drilled in a folder of this layout. */
export const MAJOR = "1";

export interface CertificatesTools {
  readonly config: CertificatesConfig;
  readonly files: FileSystem;
  readonly host: Host;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly newContent: () => ContentHash;
  progress(event: Progress): void;
}

/** A dump in progress: two files a domain, and at the end the index of them. */
export class CertificatesDump implements Dump {
  readonly items: AsyncIterable<StoredItem>;
  readonly #tools: CertificatesTools;
  readonly #fingerprint: Record<string, NamespaceFingerprint> = {};
  readonly #notes: string[] = [];
  readonly #purpose: DumpOptions["purpose"];
  readonly #unread = new Set<string>();
  #notAfter: Date | undefined;
  #done = false;

  constructor(tools: CertificatesTools, purpose: DumpOptions["purpose"]) {
    this.#tools = tools;
    this.#purpose = purpose;
    this.items = { [Symbol.asyncIterator]: () => this.#makeItems() };
  }

  async summary(): Promise<DumpSummary> {
    invariant(
      this.#done && this.#unread.size === 0,
      `a summary was asked for while items are unread: ${[...this.#unread].join(", ")}`,
    );
    return {
      fingerprint: this.#fingerprint,
      to: { at: this.#tools.clock.now().toISOString() },
      versions: { major: MAJOR, ...(this.#notAfter && { notAfter: this.#notAfter.toISOString() }) },
      ...(this.#notes.length > 0 && { notes: this.#notes }),
    };
  }

  async *#makeItems(): AsyncGenerator<StoredItem> {
    const { config, files, signal, newContent } = this.#tools;
    const domains: Index["domains"] = [];
    for (const place of await findPlaces(config, files)) {
      throwIfAborted(signal);
      const found = await this.#read(place);
      if (found === undefined) continue;
      this.#fingerprint[found.domain] = fingerprintOf(found, newContent());
      await this.#look(found);
      domains.push({ domain: found.domain, chain: factsOf(found.chain), key: factsOf(found.key) });
      yield this.#item(chainItem(found.domain), found.chain.bytes);
      yield this.#item(keyItem(found.domain), found.key.bytes);
    }
    yield this.#item(INDEX_ITEM, Buffer.from(JSON.stringify({ formatVersion: 1, domains } satisfies Index)));
    this.#done = true;
  }

  /** Before a recovery, a pair that serves nobody is what will be replaced: undefined, and noted. */
  async #read(place: Place): Promise<Found | undefined> {
    const { files, signal } = this.#tools;
    try {
      return await readFound(place, files, signal);
    } catch (error) {
      const isBroken = error instanceof SourceError && ["MISSING", "UNSUPPORTED"].includes(error.code);
      if (this.#purpose !== "safety" || !isBroken) throw error;
      this.#notes.push(`${place.domain} was not set aside: ${error.message}`);
      return undefined;
    }
  }

  #item(name: string, bytes: Buffer): StoredItem {
    this.#unread.add(name);
    const read = () => {
      this.#unread.delete(name);
      this.#tools.progress({ phase: "dump", name, bytes: bytes.length });
    };
    return { name, body: yieldOnce(bytes, read) };
  }

  /** What serves nobody any more ends the sooner of the two: the file on the disk, and what the server shows. */
  async #look({ domain, pair }: Found): Promise<void> {
    this.#ends(pair.notAfter);
    const served = this.#tools.config.served[domain];
    if (served === undefined) return;
    try {
      const shown = await askServed(domain, served, this.#tools.host, this.#tools.signal);
      if (shown.fingerprint256 === pair.leaf.fingerprint256) return;
      this.#ends(new Date(shown.validTo));
      this.#notes.push(
        `${domain}: ${served.address} shows another certificate (until ${new Date(shown.validTo).toISOString()}) than lies on the disk (until ${pair.notAfter.toISOString()}). It was renewed and not loaded: reload the server.`,
      );
    } catch (error) {
      throwIfAborted(this.#tools.signal);
      if (!(error instanceof SourceError)) throw error;
      this.#notes.push(`${domain}: what ${served.address} shows is not known. ${error.message}`);
    }
  }

  #ends(at: Date): void {
    if (this.#notAfter === undefined || at < this.#notAfter) this.#notAfter = at;
  }
}

async function* yieldOnce(bytes: Buffer, read: () => void): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
  read();
}
