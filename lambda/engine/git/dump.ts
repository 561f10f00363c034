import { invariant, SourceError } from "../model/errors.ts";
import type { Clock } from "../model/ids.ts";
import type {
  ArtifactRef,
  Dump,
  DumpItem,
  DumpOptions,
  DumpSummary,
  PreviousBackup,
  Progress,
} from "../sources/source.ts";
import { bundleCommand } from "./commands.ts";
import type { GitConfig } from "./config.ts";
import { fingerprintOf } from "./fingerprint.ts";
import {
  bundleName,
  encodeIndex,
  type GitIndex,
  INDEX_ITEM,
  type RepositoryState,
  readIndex,
} from "./index-file.ts";
import {
  type GitTools,
  hasAll,
  lines,
  noteWhatIsNotThere,
  type RefState,
  reachesMore,
  readOf,
  readState,
  tipsOf,
} from "./repository.ts";

/** The major of what restores it: the tag of the drill's image. */
export const MAJOR = "stable-scm";
/** More would cost a restore more round trips than a full bundle costs a dump. */
const BUNDLES_LIMIT = 16;

export interface GitDumpTools extends GitTools {
  readonly config: GitConfig;
  readonly clock: Clock;
  readonly versions: Readonly<Record<string, string>>;
  progress(event: Progress): void;
}

/** How one repository is stored: bundles of earlier backups, and one of its own where there is more to store. */
interface Plan {
  readonly state: RefState;
  readonly taken: readonly { readonly name: string; readonly artifact: ArtifactRef }[];
  readonly fresh?: { readonly name: string; readonly without: readonly string[] };
}

/** A dump in progress: each repository at one moment, by what git itself writes. */
export class GitDump implements Dump {
  readonly items: AsyncIterable<DumpItem>;
  readonly #tools: GitDumpTools;
  readonly #options: DumpOptions;
  #summary: Pick<DumpSummary, "fingerprint" | "notes"> | undefined;

  constructor(tools: GitDumpTools, options: DumpOptions) {
    this.#tools = tools;
    this.#options = options;
    this.items = { [Symbol.asyncIterator]: () => this.#makeItems() };
  }

  async summary(): Promise<DumpSummary> {
    invariant(this.#summary !== undefined, "a summary was asked for while items are unread");
    const { clock, versions } = this.#tools;
    return { ...this.#summary, to: { at: clock.now().toISOString() }, versions };
  }

  async *#makeItems(): AsyncGenerator<DumpItem> {
    const { config } = this.#tools;
    const before = await readPrevious(this.#options.previous);
    const repositories: Record<string, RepositoryState> = {};
    const notes: string[] = [];
    for (const [name, path] of Object.entries(config.repositories)) {
      const earlier = Object.hasOwn(before, name) ? before[name] : undefined;
      const plan = await this.#plan(name, path, earlier);
      if (plan === undefined) continue;
      for (const { name: bundle, artifact } of plan.taken) yield { name: bundle, reuse: artifact };
      if (plan.fresh !== undefined) {
        const body = this.#bundle(path, plan, plan.fresh.without);
        yield { name: plan.fresh.name, body, stored: "as-it-is" };
      }
      const bundles = [...plan.taken.map((one) => one.name), ...(plan.fresh ? [plan.fresh.name] : [])];
      repositories[name] = { ...plan.state, bundles };
      notes.push(...(await noteWhatIsNotThere(name, path, this.#tools)));
    }
    const index = encodeIndex(repositories);
    yield { name: INDEX_ITEM, body: one(index) };
    this.#summary = { fingerprint: fingerprintOf(repositories), ...(notes.length > 0 && { notes }) };
  }

  /** Undefined where nothing lies there, and that is no failure: it is about to be brought back. */
  async #plan(name: string, path: string, before: RepositoryState | undefined): Promise<Plan | undefined> {
    const state = await readState(path, this.#tools);
    if (state === undefined && this.#options.purpose === "safety") return undefined;
    if (state === undefined) throw vanished(name, path);
    const tips = tipsOf(state);
    if (tips.length === 0) return { state, taken: [] };
    const chain = before && takeOver(before, this.#options.previous);
    const known = before ? tipsOf(before) : [];
    const extendable =
      chain !== undefined && chain.length < BUNDLES_LIMIT && before?.objectFormat === state.objectFormat;
    if (!extendable || !(await hasAll(path, known, this.#tools)))
      return { state, taken: [], fresh: { name: bundleName(name, 1), without: [] } };
    if (!(await reachesMore(path, { wanted: tips, known }, this.#tools))) return { state, taken: chain };
    return { state, taken: chain, fresh: { name: bundleName(name, chain.length + 1), without: known } };
  }

  async *#bundle(path: string, { state }: Plan, without: readonly string[]): AsyncGenerator<Uint8Array> {
    const { host, signal, progress } = this.#tools;
    const detached = "detached" in state.head ? ["HEAD"] : [];
    const input = lines([...Object.keys(state.refs), ...detached, ...without.map((id) => `^${id}`)]);
    for await (const chunk of readOf(host)(bundleCommand(path), signal, input)) {
      progress({ phase: "dump", name: path, bytes: chunk.length });
      yield chunk;
    }
    const after = await readState(path, this.#tools);
    if (JSON.stringify(after) !== JSON.stringify(state)) throw restless(path);
  }
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function readPrevious(previous: PreviousBackup | undefined): Promise<GitIndex["repositories"]> {
  return previous === undefined ? {} : (await readIndex(previous.items)).repositories;
}

/** All bundles of a chain, or none: what a bundle builds upon must live as long as it does. */
function takeOver({ bundles }: RepositoryState, previous: PreviousBackup | undefined) {
  if (bundles.length === 0) return undefined;
  const taken = bundles.flatMap((name) => {
    const artifact = previous?.reusable.get(name);
    return artifact === undefined ? [] : [{ name, artifact }];
  });
  return taken.length === bundles.length ? taken : undefined;
}

function vanished(name: string, path: string): SourceError {
  return new SourceError(
    "MISSING",
    `The repository ${name} is not there: nothing lies at ${path}. Nothing was sealed; bring it back, or take it out of \`repositories\`.`,
    { facts: { repository: name, path } },
  );
}

function restless(path: string): SourceError {
  return new SourceError(
    "FILE_FAILED",
    `Somebody pushed to ${path} while it was read, so that its refs are not those of the bundle. Nothing was sealed; the next attempt reads it anew.`,
    { facts: { path } },
  );
}
