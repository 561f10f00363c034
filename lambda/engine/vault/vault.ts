import type { StoredFacts } from "../model/archive-look.ts";
import type { ThawTier } from "../model/thaw.ts";

/** One version of one stored object. */
export interface ObjectRef {
  readonly key: string;
  readonly versionId: string;
}

export interface StoredObject extends ObjectRef {
  readonly storedBytes: number;
  /** SHA-256 of the stored bytes, hex. */
  readonly sha256: string;
}

export interface PutOptions {
  readonly signal: AbortSignal;
  readonly lockedUntil: Date;
  /** To be encrypted with the key for secrets. Left out: with the vault's own. */
  readonly secrecy?: "secret";
}

export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  readonly modifiedAt: Date;
}

/** Whether a version can be read now. `until`: it was thawed, and goes back to the archive then. */
export type Availability =
  | { readonly state: "readable"; readonly until?: Date }
  | { readonly state: "archived" }
  | { readonly state: "thawing" };

/** How fast, and how dear, a version is brought out of the archive, and for how many days it stays readable. */
export interface ThawOptions {
  readonly tier: ThawTier;
  readonly days: number;
}

/** The locked bucket. Nothing here deletes. Every failure is a `VaultError`; `signal` aborts with `Cancelled`. */
export interface Vault {
  /** Uploads a stream of unknown length; an error or abort leaves no object and no open upload. */
  putStream(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredObject>;
  /** Writes once: `ALREADY_EXISTS` when the key is taken (If-None-Match: *). A repeat with the same bytes is success. */
  commit(key: string, bytes: Uint8Array, options: PutOptions): Promise<ObjectRef>;
  /** The bytes of that very version, whether or not a delete marker hides it. */
  read(ref: ObjectRef, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** The newest version's bytes and id, whether or not a delete marker hides it, or undefined. */
  readLatest(key: string, signal: AbortSignal): Promise<{ ref: ObjectRef; bytes: Uint8Array } | undefined>;
  /** What is known of that very version without reading it, in whatever storage class it lies; undefined where it is not there. */
  look(ref: ObjectRef, signal: AbortSignal): Promise<StoredFacts | undefined>;
  availabilityOf(ref: ObjectRef, signal: AbortSignal): Promise<Availability>;
  /** Asks for a readable copy of an archived version. May be repeated; a copy that is there already stays for `days` from now. */
  thaw(ref: ObjectRef, options: ThawOptions, signal: AbortSignal): Promise<void>;
  /** Keys under a prefix, in key order, also those that a delete marker hides; only keys after `after`. */
  list(prefix: string, signal: AbortSignal, after?: string): AsyncIterable<ListedObject>;
}

/** The small unlocked, versioned bucket for what changes; compare-and-set by ETag. */
export interface StateStore {
  read(key: string, signal: AbortSignal): Promise<{ value: unknown; etag: string } | undefined>;
  /**
   * False when the key is taken (If-None-Match). That may be by an earlier attempt of this very call whose answer
   * was lost: read it and compare, where it matters who took it.
   */
  create(key: string, value: unknown, signal: AbortSignal): Promise<boolean>;
  /** False when it changed since `etag` was read (If-Match). */
  replace(key: string, value: unknown, etag: string, signal: AbortSignal): Promise<boolean>;
}
