import type { FileSystem } from "../host/file-system.ts";
import { RefusedError } from "../model/errors.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import { makeId } from "../model/ids.ts";
import { type RestoreScope, selectorOf } from "../model/scope.ts";
import type {
  Context,
  DumpOptions,
  FingerprintOptions,
  RestoreReport,
  RestoreRequest,
  Session,
  SourceFacts,
} from "../sources/source.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import type { FilesConfig } from "./config.ts";
import { FilesDump } from "./dump.ts";
import { fingerprintTrees } from "./fingerprint-live.ts";
import { VERSIONS } from "./limits.ts";
import { restoreFiles } from "./restore.ts";
import { selectFiles } from "./selection.ts";
import type { Root } from "./walk.ts";

const NAME_BYTES = 12;

export interface SessionTools {
  readonly config: FilesConfig;
  readonly context: Context;
  readonly files: FileSystem;
  readonly newContent: () => ContentHash;
}

/** A session on folders of the host, or on the scratch folder of a drill. */
export class FilesSession implements Session {
  readonly #tools: SessionTools;
  readonly #isExcludedName: (name: string) => boolean;

  constructor(tools: SessionTools) {
    this.#tools = tools;
    const { exclude } = tools.config;
    this.#isExcludedName = exclude.length === 0 ? () => false : selectorOf({ include: exclude });
  }

  async probe(): Promise<SourceFacts> {
    const { files, context } = this.#tools;
    let empty = true;
    for (const { source } of await this.#roots()) {
      if ((await files.stat(source))?.type !== "folder") continue;
      for await (const listed of files.list(source)) empty &&= listed.length === 0;
    }
    return {
      versions: VERSIONS,
      bytesEstimate: 0,
      position: { at: context.clock.now().toISOString() },
      empty,
    };
  }

  dump({ previous, purpose }: DumpOptions): FilesDump {
    const { files, context, config, newContent } = this.#tools;
    const { clock, signal, random } = context;
    const tools = {
      files,
      roots: toRoots(config),
      isExcluded: (path: Buffer) => this.#isExcluded(path),
      forbidden: config.forbidden,
      mayBecomeEmpty: config.mayBecomeEmpty,
      ifMissing: purpose === "safety" ? ("pass" as const) : ("throw" as const),
      dumpId: makeId(clock, random),
      ...{ clock, signal, newContent },
      progress: context.progress,
    };
    return new FilesDump(tools, previous);
  }

  async restore({ items, guard, scope, beforeChange, beforeReplay }: RestoreRequest): Promise<RestoreReport> {
    const { files, context } = this.#tools;
    const selection = selectFiles(scope);
    const report = await restoreFiles(items, {
      files,
      targetOf: (folder) => this.#targetOf(folder, selection.mark),
      isExcluded: (path) => this.#isExcluded(path),
      selection,
      // What is put beside the live tree never goes over anything.
      guard: scope?.beside === undefined ? guard : "refuse-non-empty",
      ...(beforeChange && { beforeChange }),
      signal: context.signal,
      newName: () => Buffer.from(context.random.bytes(NAME_BYTES)).toString("hex"),
      progress: context.progress,
    });
    await beforeReplay?.();
    return report;
  }

  /** Of a part of a folder nothing is said: its files were compared as they were written. */
  async fingerprint({ namespaces, restored }: FingerprintOptions = {}): Promise<Fingerprint> {
    const { files, newContent, context } = this.#tools;
    const roots = await this.#judgedRoots(restored?.scope);
    return await fingerprintTrees({
      files,
      newContent,
      signal: context.signal,
      isExcluded: (path) => this.#isExcluded(path),
      roots: roots.filter(({ name }) => namespaces?.includes(name.toString()) ?? true),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tools.files[Symbol.asyncDispose]();
  }

  #isExcluded(path: Buffer): boolean {
    return this.#isExcludedName(path.toString());
  }

  /** Of a drill, whatever lies in its folder: also what should not be there is seen. */
  async #roots(): Promise<Root[]> {
    const { config, files } = this.#tools;
    if (config.scratchFolder === undefined) return toRoots(config);
    const scratch = Buffer.from(config.scratchFolder);
    const roots: Root[] = [];
    for await (const listed of files.list(scratch))
      for (const { name } of listed) roots.push({ name, source: Buffer.concat([scratch, SLASH, name]) });
    return roots.sort((left, right) => Buffer.compare(left.name, right.name));
  }

  async #judgedRoots(scope: RestoreScope | undefined): Promise<Root[]> {
    const roots = await this.#roots();
    if (scope === undefined) return roots;
    const { isWhole, mark } = selectFiles(scope);
    return roots
      .filter(({ name }) => isWhole(name.toString()))
      .map(({ name, source }) => ({
        name: Buffer.from(name + mark),
        source: Buffer.concat([source, Buffer.from(mark)]),
      }));
  }

  #targetOf(folder: string, mark: string): Buffer {
    const { folders, scratchFolder } = this.#tools.config;
    if (scratchFolder !== undefined) return Buffer.from(`${scratchFolder}/${folder}`);
    const path = Object.hasOwn(folders, folder) ? folders[folder] : undefined;
    if (path !== undefined) return Buffer.from(path + mark);
    throw new RefusedError(
      "INPUT_INVALID",
      `The backup holds the folder ${folder}, and the estate names only ${Object.keys(folders).join(", ")}. Name where it belongs in estate.yaml, or select the others; nothing was changed.`,
      { facts: { folder } },
    );
  }
}

const SLASH = Buffer.from("/");

/** In the order of the index. */
function toRoots({ folders }: FilesConfig): Root[] {
  return Object.entries(folders)
    .map(([name, path]) => ({ name: Buffer.from(name), source: Buffer.from(path) }))
    .sort((left, right) => Buffer.compare(left.name, right.name));
}
