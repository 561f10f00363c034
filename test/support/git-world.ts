import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GitConfig } from "../../lambda/engine/git/config.ts";
import { directHost } from "../../lambda/engine/host/direct-host.ts";
import type { Host } from "../../lambda/engine/host/host.ts";
import { openHost } from "../../lambda/engine/host/open-host.ts";
import { git as kind } from "../../lambda/engine/sources/git.ts";
import type {
  DumpOptions,
  DumpSummary,
  PreviousBackup,
  RestoreItem,
  Session,
  TargetGuard,
} from "../../lambda/engine/sources/source.ts";
import { collect } from "../../lambda/engine/stream/limits.ts";
import { type GitDaemon, startGitDaemon } from "../../rehearsal/servers/git-daemon.ts";
import { manifestFor } from "./mongodb.ts";
import { startSshd } from "./sshd.ts";

const LIMIT_BYTES = 64 * 1024 ** 2;

/** A backup in memory: all that it is made of, also what it took over. */
export interface GitBackup {
  readonly items: ReadonlyMap<string, Buffer>;
  /** Names of what it took over from the backup before. */
  readonly reused: readonly string[];
  readonly summary: DumpSummary;
}

/** A host with a real sshd and git, and a real git server for drills. */
export interface GitWorld extends AsyncDisposable {
  readonly folder: string;
  path(name: string): string;
  backUp(
    repositories: Record<string, string>,
    options?: Partial<DumpOptions> & { before?: GitBackup },
  ): Promise<GitBackup>;
  restore(
    backup: GitBackup,
    repositories: Record<string, string>,
    guard?: TargetGuard,
  ): Promise<readonly string[]>;
  /** What the fingerprint of the drill's server is after the restore. */
  drill(backup: GitBackup): Promise<DumpSummary["fingerprint"]>;
  /** Changes every host that is opened from now on. */
  wrap(change: (host: Host) => Host): void;
}

export async function startGitWorld(signal: AbortSignal): Promise<GitWorld> {
  const sshd = await startSshd();
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-git-"));
  const daemons: GitDaemon[] = [];
  let wrap = (host: Host) => host;
  const open = async (config: GitConfig) => {
    const host = config.daemon ? directHost() : wrap(await openHost(sshd.host, sshd.privateKey, signal));
    return { host, session: await openOn(host, config, signal) };
  };
  const within = async <T>(config: GitConfig, work: (session: Session) => Promise<T>): Promise<T> => {
    const { host, session } = await open(config);
    try {
      return await work(session);
    } finally {
      await session[Symbol.asyncDispose]();
      await host[Symbol.asyncDispose]();
    }
  };
  return {
    folder,
    path: (name) => join(folder, name),
    wrap: (change) => {
      wrap = change;
    },
    backUp: (repositories, { before, ...options } = {}) =>
      within({ repositories }, (session) => takeBackup(session, before, options)),
    restore: (backup, repositories, guard = "refuse-non-empty") =>
      within({ repositories }, async (session) => {
        const manifest = { ...manifestFor(backup.summary), source: "git", kind: "git" };
        const { notes = [] } = await session.restore({ items: toItems(backup), manifest, guard });
        return notes;
      }),
    drill: async (backup) => {
      const daemon = await startGitDaemon(join(folder, `drill-${daemons.length}`), signal);
      daemons.push(daemon);
      const config = { repositories: {}, daemon: { host: "127.0.0.1", port: daemon.port } };
      return await within(config, async (session) => {
        const manifest = { ...manifestFor(backup.summary), source: "git", kind: "git" };
        await session.restore({ items: toItems(backup), manifest, guard: "refuse-non-empty" });
        return await session.fingerprint({ backup: toItems(backup) });
      });
    },
    async [Symbol.asyncDispose]() {
      for (const daemon of daemons) await daemon.kill();
      await sshd[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function openOn(host: Host, config: GitConfig, signal: AbortSignal): Promise<Session> {
  const context = {
    signal,
    clock: { now: () => new Date() },
    random: { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) },
    host,
    secret: () => Promise.reject(new Error("no secret is asked for")),
    progress: () => {},
  };
  return kind.open(config, context, "write");
}

async function takeBackup(
  session: Session,
  before: GitBackup | undefined,
  options: Partial<DumpOptions>,
): Promise<GitBackup> {
  const dump = session.dump({
    proof: "as-read",
    ...options,
    ...(before && { previous: toPrevious(before) }),
  });
  const items = new Map<string, Buffer>();
  const reused: string[] = [];
  for await (const item of dump.items) {
    if ("reuse" in item) {
      reused.push(item.name);
      items.set(item.name, before?.items.get(item.name) ?? Buffer.alloc(0));
    } else items.set(item.name, await collect(item.body, LIMIT_BYTES, item.name));
  }
  return { items, reused, summary: await dump.summary() };
}

function toItems({ items }: GitBackup): RestoreItem[] {
  return [...items].map(([name, bytes]) => ({
    name,
    plainBytes: bytes.length,
    open: async function* () {
      yield bytes;
    },
  }));
}

/** As a vault offers it: all artifacts live long enough, and the index may be read again. */
function toPrevious(backup: GitBackup): PreviousBackup {
  const artifact = (name: string) => ({
    name,
    key: name,
    versionId: "1",
    plainBytes: backup.items.get(name)?.length ?? 0,
    storedBytes: 0,
    sha256: "",
  });
  return {
    manifest: { ...manifestFor(backup.summary), source: "git", kind: "git" },
    reusable: new Map([...backup.items.keys()].map((name) => [name, artifact(name) as never])),
    items: toItems(backup).filter(({ name }) => name === "index.json"),
  };
}
