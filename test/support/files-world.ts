import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHost } from "../../lambda/engine/host/open-host.ts";
import type { Artifact, Manifest } from "../../lambda/engine/model/manifest.ts";
import { files } from "../../lambda/engine/sources/files.ts";
import type {
  DumpItem,
  DumpSummary,
  PreviousBackup,
  Purpose,
  RestoreItem,
  Session,
} from "../../lambda/engine/sources/source.ts";
import { manifestFor } from "./mongodb.ts";
import { type Sshd, type SshdOptions, startSshd } from "./sshd.ts";

const NEVER = new AbortController().signal;

/** A dump in memory, with what it took over from the one before it. */
export interface Taken {
  /** All that the backup consists of, also what was reused. */
  readonly items: ReadonlyMap<string, Buffer>;
  readonly reused: readonly string[];
  readonly summary: DumpSummary;
  readonly manifest: Manifest;
}

export interface FilesWorld extends AsyncDisposable {
  readonly sshd: Sshd;
  /** A path below the folder that is backed up, or that is restored into. */
  source(...path: string[]): string;
  target(...path: string[]): string;
  open(place: "source" | "target", config?: object, purpose?: Purpose): Promise<Session>;
  dump(previous?: Taken, options?: DumpChanges): Promise<Taken>;
}

export interface DumpChanges {
  readonly config?: object;
  /** Called when an item is about to be read. */
  readonly beforeItem?: (item: DumpItem) => Promise<void>;
  /** So much later than now. */
  readonly clockAheadMs?: number;
  /** Names of artifacts that live too short to be reused. */
  readonly notReusable?: (name: string) => boolean;
  readonly purpose?: "safety";
}

/** A real sshd and two folders, named `uploads` in backups. */
export async function startFilesWorld(options: SshdOptions = {}): Promise<FilesWorld> {
  const sshd = await startSshd(options);
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-files-"));
  for (const place of ["source", "target"]) await mkdir(join(folder, place));
  const open: FilesWorld["open"] = (place, config = {}, purpose = "write") =>
    openFiles(sshd, { folders: { uploads: join(folder, place) }, ...config }, purpose);
  return {
    sshd,
    source: (...path) => join(folder, "source", ...path),
    target: (...path) => join(folder, "target", ...path),
    open,
    async dump(previous, changes = {}) {
      const config = files.config.parse({ folders: { uploads: join(folder, "source") }, ...changes.config });
      await using session = await openFiles(sshd, config, "read", changes.clockAheadMs);
      return await takeDump(session, previous, changes);
    },
    async [Symbol.asyncDispose]() {
      await sshd[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function openFiles(
  { host, privateKey }: Sshd,
  config: object,
  purpose: Purpose,
  clockAheadMs = 0,
): Promise<Session> {
  const connected = await openHost(host, privateKey, NEVER);
  const session = await files.open(
    files.config.parse(config),
    {
      signal: NEVER,
      clock: { now: () => new Date(Date.now() + clockAheadMs) },
      random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
      host: connected,
      secret: async () => "",
      progress: () => {},
    },
    purpose,
  );
  const close = session[Symbol.asyncDispose].bind(session);
  session[Symbol.asyncDispose] = async () => {
    await close();
    await connected[Symbol.asyncDispose]();
  };
  return session;
}

/** Reads a dump into memory; what it reuses is taken from `previous`. Also for other sources that pack. */
export async function takeDump(
  session: Session,
  previous: Taken | undefined,
  { beforeItem, notReusable, purpose }: DumpChanges,
): Promise<Taken> {
  const options = previous && { previous: toPrevious(previous, notReusable) };
  const dump = session.dump({ proof: "as-read", ...options, ...(purpose && { purpose }) });
  const items = new Map<string, Buffer>();
  const reused: string[] = [];
  for await (const item of dump.items) {
    await beforeItem?.(item);
    if ("reuse" in item) {
      reused.push(item.name);
      items.set(item.name, previous?.items.get(item.name) ?? Buffer.alloc(0));
    } else items.set(item.name, Buffer.concat(await Array.fromAsync(item.body)));
  }
  const summary = await dump.summary();
  const artifacts = [...items].map(([name, bytes]) => toArtifact(name, bytes));
  const manifest: Manifest = { ...manifestFor(summary), source: "uploads", kind: "files", artifacts };
  return { items, reused, summary, manifest };
}

function toPrevious(
  { items, manifest }: Taken,
  notReusable: (name: string) => boolean = () => false,
): PreviousBackup {
  const usable = manifest.artifacts.filter(({ name }) => !notReusable(name));
  return {
    manifest,
    reusable: new Map(usable.map((artifact) => [artifact.name, artifact])),
    items: toItems(items).filter(({ name }) => name.startsWith("index/")),
  };
}

function toArtifact(name: string, bytes: Buffer): Artifact {
  const until = "2027-01-01T00:00:00.000Z";
  const stored = { versionId: "1", codec: "none", sha256: "0".repeat(64) } as const;
  const sizes = { plainBytes: bytes.length, storedBytes: bytes.length };
  return { name, key: name, ...stored, ...sizes, lockedUntil: until, expiresAt: until };
}

/** The artifacts of a dump as a restore reads them. */
export function toItems(items: ReadonlyMap<string, Buffer>): RestoreItem[] {
  return [...items].map(([name, bytes]) => ({
    name,
    plainBytes: bytes.length,
    open: async function* () {
      yield bytes;
    },
  }));
}

/** The lines of a dump's first index. */
export function readIndexLines(items: ReadonlyMap<string, Buffer>): Record<string, unknown>[] {
  const text = items.get("index/000001.ndjson")?.toString() ?? "";
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Names of the packs that a dump stored itself. */
export function storedPacks({ items, reused }: Taken): string[] {
  return [...items.keys()].filter((name) => name.startsWith("packs/") && !reused.includes(name));
}
