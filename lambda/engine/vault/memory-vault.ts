import type { StoredFacts } from "../model/archive-look.ts";
import { throwIfAborted, VaultError } from "../model/errors.ts";
import type { Clock } from "../model/ids.ts";
import { digestOf, makeMeter } from "../stream/meter.ts";
import { chain, untilAborted } from "../stream/stage.ts";
import type {
  Availability,
  ListedObject,
  ObjectRef,
  PutOptions,
  StoredObject,
  ThawOptions,
  Vault,
} from "./vault.ts";

/** Without a version here it is a delete marker. */
type Entry = Version | "delete-marker";

interface Version {
  readonly versionId: string;
  readonly bytes: Buffer;
  readonly lockedUntil: Date;
  readonly storedAt: Date;
}

const DAY_MS = 86_400_000;
const READ_CHUNK_BYTES = 64 * 1024;

/** A vault in memory, for tests: versions, delete markers and locks as the bucket has them. */
export class MemoryVault implements Vault {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry[]>();
  /** By version id; whatever is not in here is readable. */
  readonly #archive = new Map<string, Availability>();
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async putStream(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredObject> {
    const meter = makeMeter();
    const chunks: Uint8Array[] = [];
    for await (const chunk of chain(body, untilAborted(options.signal), meter.stage))
      chunks.push(Buffer.from(chunk));
    const { bytes: storedBytes, sha256 } = meter.measured();
    return { ...this.#store(key, Buffer.concat(chunks), options), storedBytes, sha256 };
  }

  async commit(key: string, bytes: Uint8Array, options: PutOptions): Promise<ObjectRef> {
    throwIfAborted(options.signal);
    const newest = this.#newest(key);
    if (newest === undefined) return this.#store(key, Buffer.from(bytes), options);
    if (newest.bytes.equals(bytes)) return { key, versionId: newest.versionId };
    throw new VaultError(
      "ALREADY_EXISTS",
      `${key} is already written, with other bytes (${digestOf(newest.bytes)}). What is committed stays.`,
      { facts: { key } },
    );
  }

  async *read(ref: ObjectRef, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const { bytes } = this.#find(ref);
    if (this.#storageOf(ref).state !== "readable")
      throw new VaultError("ARCHIVED", `${ref.key} lies in the archive; thaw it first.`, {
        facts: { ...ref },
      });
    const chunks = async function* chunksOf() {
      for (let at = 0; at < bytes.length; at += READ_CHUNK_BYTES)
        yield bytes.subarray(at, at + READ_CHUNK_BYTES);
    };
    yield* untilAborted(signal)(chunks());
  }

  async readLatest(
    key: string,
    signal: AbortSignal,
  ): Promise<{ ref: ObjectRef; bytes: Uint8Array } | undefined> {
    throwIfAborted(signal);
    const newest = this.#newest(key);
    return newest && { ref: { key, versionId: newest.versionId }, bytes: Buffer.from(newest.bytes) };
  }

  async look(ref: ObjectRef, signal: AbortSignal): Promise<StoredFacts | undefined> {
    throwIfAborted(signal);
    const found = this.#versions(ref.key).find(({ versionId }) => versionId === ref.versionId);
    if (found === undefined) return undefined;
    const storageClass = this.#archive.has(ref.versionId) ? "GLACIER" : "STANDARD";
    return { storedBytes: found.bytes.length, storageClass, lockedUntil: found.lockedUntil };
  }

  async availabilityOf(ref: ObjectRef, signal: AbortSignal): Promise<Availability> {
    throwIfAborted(signal);
    return this.#storageOf(this.#find(ref));
  }

  async thaw(ref: ObjectRef, { days }: ThawOptions, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const { versionId } = this.#find(ref);
    const before = this.#storageOf(ref);
    if (before.state === "archived") this.#archive.set(versionId, { state: "thawing" });
    if (before.state !== "readable" || before.until === undefined) return;
    const until = new Date(this.#clock.now().getTime() + days * DAY_MS);
    this.#archive.set(versionId, { ...before, until });
  }

  async *list(prefix: string, signal: AbortSignal, after = ""): AsyncIterable<ListedObject> {
    const found = [...this.#entries.keys()]
      .filter((key) => key.startsWith(prefix) && compareKeys(key, after) > 0)
      .sort(compareKeys);
    for (const key of found) {
      throwIfAborted(signal);
      const newest = this.#newest(key);
      if (newest) yield { key, bytes: newest.bytes.length, modifiedAt: newest.storedAt };
    }
  }

  /** For tests: what lifecycle does to a version, or its thaw has come to. */
  setAvailability(ref: ObjectRef, availability: Availability): void {
    this.#archive.set(this.#find(ref).versionId, availability);
  }

  /** For tests: what deleting without a version id does. Hides nothing from the methods of `Vault`. */
  putDeleteMarker(key: string): void {
    this.#entries.set(key, [...(this.#entries.get(key) ?? []), "delete-marker"]);
  }

  /** For tests: refused (ACCESS_DENIED) while the lock holds. */
  deleteVersion(ref: ObjectRef): void {
    const version = this.#find(ref);
    if (version.lockedUntil > this.#clock.now())
      throw new VaultError(
        "ACCESS_DENIED",
        `${ref.key} is locked until ${version.lockedUntil.toISOString()}; nobody may delete it before.`,
        { facts: { ...ref } },
      );
    const kept = this.#entries.get(ref.key)?.filter((other) => other !== version) ?? [];
    this.#entries.set(ref.key, kept);
  }

  /** For tests: replaces the bytes of a version, as a failing disk would. */
  corrupt(ref: ObjectRef, change: (bytes: Buffer) => Buffer): void {
    const version = this.#find(ref);
    const entries = this.#entries.get(ref.key) ?? [];
    entries[entries.indexOf(version)] = { ...version, bytes: change(Buffer.from(version.bytes)) };
  }

  #store(key: string, bytes: Buffer, options: PutOptions): ObjectRef {
    this.#count += 1;
    const versionId = `version-${this.#count}`;
    const version = { versionId, bytes, lockedUntil: options.lockedUntil, storedAt: this.#clock.now() };
    this.#entries.set(key, [...(this.#entries.get(key) ?? []), version]);
    return { key, versionId };
  }

  #storageOf({ versionId }: Pick<ObjectRef, "versionId">): Availability {
    return this.#archive.get(versionId) ?? { state: "readable" };
  }

  #versions(key: string): Version[] {
    return (this.#entries.get(key) ?? []).filter((entry) => entry !== "delete-marker");
  }

  #newest(key: string): Version | undefined {
    return this.#versions(key).at(-1);
  }

  #find(ref: ObjectRef): Version {
    const found = this.#versions(ref.key).find((version) => version.versionId === ref.versionId);
    if (found) return found;
    throw new VaultError(
      "NOT_FOUND",
      `The vault has no version ${ref.versionId} of ${ref.key}. It expired, or another bucket was asked.`,
      { facts: { ...ref } },
    );
  }
}

/** By UTF-8 bytes, as S3 orders keys. */
function compareKeys(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
