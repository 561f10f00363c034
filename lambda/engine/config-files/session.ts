import { IntegrityError } from "../model/errors.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import type {
  DumpOptions,
  FingerprintOptions,
  RestoreItem,
  RestoreReport,
  RestoreRequest,
  Session,
  SourceFacts,
} from "../sources/source.ts";
import { BUNDLE_ITEM, BundleReader, SALT_BYTES } from "./bundle.ts";
import { ConfigFilesDump, type ConfigFilesTools, fingerprintLive, MAJOR } from "./dump.ts";
import { findThere, restoreConfigFiles } from "./restore.ts";

const NAME_BYTES = 12;

/** A session on the configuration of the host, or on the folder of a drill. */
export class ConfigFilesSession implements Session {
  readonly #tools: ConfigFilesTools;
  /** Of the backup that was restored; before, digests of what is there are comparable with nothing. */
  #salt: Buffer;

  constructor(tools: ConfigFilesTools) {
    this.#tools = tools;
    this.#salt = Buffer.from(tools.random.bytes(SALT_BYTES));
  }

  async probe(): Promise<SourceFacts> {
    const there = await findThere(this.#tools);
    return {
      versions: { major: MAJOR },
      bytesEstimate: 0,
      position: { at: this.#tools.clock.now().toISOString() },
      empty: there.length === 0,
      namespaces: there,
    };
  }

  dump({ purpose }: DumpOptions): ConfigFilesDump {
    return new ConfigFilesDump(this.#tools, purpose === "safety" ? "pass" : "throw");
  }

  /** In a drill also throws `IntegrityError` MALFORMED where a host would not start with what came back. */
  async restore({
    items,
    manifest,
    guard,
    beforeChange,
    beforeReplay,
  }: RestoreRequest): Promise<RestoreReport> {
    const item = findBundle(items);
    const { random } = this.#tools;
    const newName = () => Buffer.from(random.bytes(NAME_BYTES)).toString("hex");
    const report = await restoreConfigFiles(item, manifest.fingerprint, {
      ...this.#tools,
      ...(beforeChange && { beforeChange }),
      guard,
      newName,
    });
    this.#salt = await readSalt(item);
    await beforeReplay?.();
    const { notes = [] } = report;
    if (this.#tools.config.scratchFolder !== undefined && notes.length > 0) throw wouldNotStart(notes);
    return report;
  }

  async fingerprint({ namespaces, backup }: FingerprintOptions = {}): Promise<Fingerprint> {
    if (backup !== undefined) this.#salt = await readSalt(findBundle(backup));
    const found = await fingerprintLive(this.#salt, this.#tools);
    if (namespaces === undefined) return found;
    return Object.fromEntries(Object.entries(found).filter(([name]) => namespaces.includes(name)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tools.files[Symbol.asyncDispose]();
  }
}

/** A recovery gives back what was there, and tells it; a drill is to show that a host would start with it. */
function wouldNotStart(notes: readonly string[]): IntegrityError {
  return new IntegrityError(
    "MALFORMED",
    `The configuration came back byte for byte, but nothing would start with it: ${notes.join(" ")} Correct it on the host; the drill of the next backup proves it.`,
    { facts: { notes } },
  );
}

function findBundle(items: readonly RestoreItem[]): RestoreItem {
  const found = items.find(({ name }) => name === BUNDLE_ITEM);
  if (found !== undefined) return found;
  throw new IntegrityError(
    "ARTIFACT_MISSING",
    `The backup has no ${BUNDLE_ITEM}. Nothing was changed; take another recovery point.`,
  );
}

async function readSalt(item: RestoreItem): Promise<Buffer> {
  await using reader = new BundleReader(item);
  return await reader.takeSalt();
}
