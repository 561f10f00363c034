import type { FileSystem } from "../host/file-system.ts";
import { IntegrityError, SourceError } from "../model/errors.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import type { Random } from "../model/ids.ts";
import type {
  DumpOptions,
  FingerprintOptions,
  RestoreReport,
  RestoreRequest,
  Session,
  SourceFacts,
} from "../sources/source.ts";
import { fsckCommand, sizeCommand, versionCommand } from "./commands.ts";
import { GitDump, type GitDumpTools, MAJOR } from "./dump.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { readIndex } from "./index-file.ts";
import { type RefState, readAll, readState } from "./repository.ts";
import { restoreRepositories } from "./restore.ts";

const NAME_BYTES = 12;
const KIB = 1024;

type Tools = Omit<GitDumpTools, "versions"> & { readonly files: FileSystem; readonly random: Random };

/** A session on repositories of the host, by the host's own git. */
export class GitSession implements Session {
  readonly #tools: GitDumpTools & { readonly files: FileSystem; readonly random: Random };

  private constructor(tools: Tools, versions: Readonly<Record<string, string>>) {
    this.#tools = { ...tools, versions };
  }

  static async open(tools: Tools): Promise<GitSession> {
    const { stdout } = await tools.host.run(versionCommand, tools.signal);
    const server = /\d+(\.\d+)+/.exec(stdout)?.[0] ?? "unknown";
    requireVersion(server);
    return new GitSession(tools, { server, major: MAJOR });
  }

  async probe(): Promise<SourceFacts> {
    const { clock, versions } = this.#tools;
    const states = await this.#readAll();
    const namespaces = Object.keys(states).filter((name) => Object.keys(states[name]?.refs ?? {}).length > 0);
    return {
      versions,
      bytesEstimate: await this.#estimateBytes(),
      position: { at: clock.now().toISOString() },
      empty: namespaces.length === 0,
      namespaces,
    };
  }

  dump(options: DumpOptions): GitDump {
    return new GitDump(this.#tools, options);
  }

  async restore({ items, guard, beforeChange, beforeReplay }: RestoreRequest): Promise<RestoreReport> {
    const { random } = this.#tools;
    const newName = () => Buffer.from(random.bytes(NAME_BYTES)).toString("hex");
    const report = await restoreRepositories(await readIndex(items), items, {
      ...this.#tools,
      guard,
      ...(beforeChange && { beforeChange }),
      newName,
    });
    await beforeReplay?.();
    return report;
  }

  /** Also follows every connection between objects. Throws `IntegrityError` where one is broken. */
  async fingerprint({ namespaces, backup }: FingerprintOptions = {}): Promise<Fingerprint> {
    const all = await this.#readAll();
    // A repository that was made after the backup is none of its business.
    const known = backup && Object.keys((await readIndex(backup)).repositories);
    const states = Object.fromEntries(Object.entries(all).filter(([name]) => known?.includes(name) ?? true));
    for (const name of Object.keys(states)) await this.#follow(name);
    const found = fingerprintOf(states);
    if (namespaces === undefined) return found;
    return Object.fromEntries(Object.entries(found).filter(([name]) => namespaces.includes(name)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tools.files[Symbol.asyncDispose]();
  }

  /** Of those that are there. */
  async #readAll(): Promise<Record<string, RefState>> {
    const states: Record<string, RefState> = {};
    for (const [name, path] of Object.entries(this.#tools.config.repositories)) {
      const state = await readState(path, this.#tools);
      if (state !== undefined) states[name] = state;
    }
    return states;
  }

  async #follow(name: string): Promise<void> {
    const path = this.#tools.config.repositories[name] ?? "";
    try {
      await readAll(fsckCommand(path), this.#tools);
    } catch (error) {
      if (!(error instanceof SourceError) || error.code !== "COMMAND_FAILED") throw error;
      throw new IntegrityError(
        "FINGERPRINT_DIFFERS",
        `The repository ${name} at ${path} is broken: ${error.facts.stderr}. Do not push to it; restore it from a backup.`,
        { cause: error, facts: { repository: name, path } },
      );
    }
  }

  async #estimateBytes(): Promise<number> {
    const { config, host, signal } = this.#tools;
    let kibibytes = 0;
    for (const path of Object.values(config.repositories)) {
      const { stdout } = await host.run(sizeCommand(path), signal);
      for (const [, size] of stdout.matchAll(/^size(?:-pack)?: (\d+)$/gm)) kibibytes += Number(size);
    }
    return kibibytes * KIB;
  }
}

/** What a recovery needs, asked of every backup: `--object-format` and `--no-write-fetch-head` came with it. */
const LEAST = [2, 29] as const;

function requireVersion(version: string): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])) return;
  throw new SourceError(
    "UNSUPPORTED",
    `The host has git ${version}, expected ${LEAST.join(".")} or newer: an older one could not restore what it backs up. Install a newer one.`,
    { facts: { version } },
  );
}
