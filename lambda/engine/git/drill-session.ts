import type { Address } from "../host/address.ts";
import { IntegrityError, invariant } from "../model/errors.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import type { Clock } from "../model/ids.ts";
import type {
  Dump,
  FingerprintOptions,
  RestoreItem,
  RestoreReport,
  RestoreRequest,
  Session,
  SourceFacts,
} from "../sources/source.ts";
import { emptyPack, openBundle } from "./bundle-header.ts";
import { listRefs, push } from "./daemon.ts";
import { MAJOR } from "./dump.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { type GitIndex, type RepositoryState, readIndex } from "./index-file.ts";

/** Below it are the refs of a backup's bundles, and those that the backup says the repository had. */
const BUNDLES = "refs/bundles";
const FINAL = "refs/final";

interface DrillTools {
  readonly server: Address;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A session on the git server of a drill: real git takes in what was stored, and says which refs it has then. */
export class GitDrillSession implements Session {
  readonly #tools: DrillTools;

  constructor(tools: DrillTools) {
    this.#tools = tools;
  }

  async probe(): Promise<SourceFacts> {
    const { server, clock, signal } = this.#tools;
    const refs = await listRefs(server, signal);
    return {
      versions: { server: MAJOR, major: MAJOR },
      bytesEstimate: 0,
      position: { at: clock.now().toISOString() },
      empty: refs.size === 0,
    };
  }

  dump(): Dump {
    invariant(false, "the server of a drill is never backed up");
  }

  async restore({ items, beforeChange, beforeReplay }: RestoreRequest): Promise<RestoreReport> {
    const index = await readIndex(items);
    await beforeChange?.();
    const report = { records: 0, replayedOperations: 0, bytes: 0 };
    for (const [name, state] of Object.entries(index.repositories)) {
      for (const bundle of state.bundles) report.bytes += await this.#pushBundle(bundle, items);
      await this.#pushFinal(name, state);
      report.records += Object.keys(state.refs).length;
    }
    await beforeReplay?.();
    return report;
  }

  /** What the server has; HEAD, of which it has one only, as the backup's index says. */
  async fingerprint({ backup = [] }: FingerprintOptions = {}): Promise<Fingerprint> {
    const index = await readIndex(backup);
    const refs = await listRefs(this.#tools.server, this.#tools.signal);
    return fingerprintOf(statesOf(index, refs));
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #pushBundle(name: string, items: readonly RestoreItem[]): Promise<number> {
    const item = items.find((candidate) => candidate.name === name);
    if (item === undefined)
      throw new IntegrityError(
        "ARTIFACT_MISSING",
        `The backup has no ${name}, which its index names. Take another recovery point.`,
      );
    const { header, pack } = await openBundle(name, item.open());
    const refs = Object.entries(header.refs).map(([ref, id]) => [`${BUNDLES}/${name}/${ref}`, id]);
    const { server, signal } = this.#tools;
    const { objectFormat } = header;
    await push(server, { objectFormat, refs: Object.fromEntries(refs), pack }, signal);
    return item.plainBytes;
  }

  /** Objects that no bundle brought would be missing now. */
  async #pushFinal(name: string, { refs, head, objectFormat }: RepositoryState): Promise<void> {
    const final = Object.entries(refs).map(([ref, id]) => [finalRef(name, ref), id]);
    if ("detached" in head) final.push([finalRef(name, "HEAD"), head.detached]);
    if (final.length === 0) return;
    const { server, signal } = this.#tools;
    const pack = [emptyPack(objectFormat)];
    await push(server, { objectFormat, refs: Object.fromEntries(final), pack }, signal);
  }
}

function finalRef(name: string, ref: string): string {
  return `${FINAL}/${name}/${ref}`;
}

function statesOf({ repositories }: GitIndex, refs: ReadonlyMap<string, string>) {
  return Object.fromEntries(
    Object.entries(repositories).map(([name, { head, objectFormat }]) => {
      const prefix = finalRef(name, "");
      const own = [...refs]
        .filter(([ref]) => ref.startsWith(prefix) && ref !== finalRef(name, "HEAD"))
        .map(([ref, id]) => [ref.slice(prefix.length), id]);
      return [name, { head, objectFormat, refs: Object.fromEntries(own) }];
    }),
  );
}
