import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openHost } from "../../lambda/engine/host/open-host.ts";
import type { EstateHost } from "../../lambda/engine/model/estate.ts";
import type { Artifact } from "../../lambda/engine/model/manifest.ts";
import { files } from "../../lambda/engine/sources/files.ts";
import type {
  DumpItem,
  DumpSummary,
  PreviousBackup,
  RestoreItem,
  Session,
} from "../../lambda/engine/sources/source.ts";
import { benchContext, runChild } from "./child.ts";
import { openStored, store } from "./stored.ts";

/** What one child process of the bench does. `builds` is a backup upon the one that lies in `store`. */
export interface FilesWork {
  readonly kind: "backup" | "builds" | "restore";
  /** The folder on the host: what is backed up, or restored into. */
  readonly tree: string;
  /** Where the artifacts lie, as in a vault. */
  readonly store: string;
  readonly host: EstateHost;
  readonly privateKeyFile: string;
  /** All that lies in the tree. */
  readonly bytes: number;
}

interface Stored {
  readonly summary: DumpSummary;
  readonly artifacts: readonly Artifact[];
}

/** As a job uploads. */
const PARALLEL_ITEMS = 4;
const UNTIL = "2099-01-01T00:00:00.000Z";
const never = new AbortController().signal;
const listOf = (store: string) => join(store, "stored.json");

async function work(what: FilesWork): Promise<void> {
  await using host = await openHost(what.host, await readFile(what.privateKeyFile, "utf8"), never);
  const config = files.config.parse({ folders: { uploads: what.tree } });
  await using session = await files.open(config, benchContext(host), "write");
  if (what.kind === "restore") return await restore(session, what.store);
  await backUp(session, what.store, what.kind === "builds" ? await readStored(what.store) : undefined);
}

/** With digests and fingerprints on: compressed, digested and written by the stages of a job. */
async function backUp(session: Session, store: string, previous: Stored | undefined): Promise<void> {
  const dump = session.dump({ proof: "as-read", ...(previous && { previous: toPrevious(previous) }) });
  const artifacts: Artifact[] = [];
  const iterator = dump.items[Symbol.asyncIterator]();
  const take = async () => {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
      artifacts.push(await keep(next.value, store));
  };
  await Promise.all(Array.from({ length: PARALLEL_ITEMS }, take));
  await writeFile(
    listOf(store),
    JSON.stringify({ summary: await dump.summary(), artifacts } satisfies Stored),
  );
}

async function keep(item: DumpItem, folder: string): Promise<Artifact> {
  if ("reuse" in item) return item.reuse;
  const key = join(folder, `${item.name}.zst`);
  const stored = await store(item.body, key);
  const place = { name: item.name, key, versionId: "1", codec: "zstd" } as const;
  return { ...place, ...stored, lockedUntil: UNTIL, expiresAt: UNTIL };
}

async function readStored(store: string): Promise<Stored> {
  return JSON.parse(await readFile(listOf(store), "utf8")) as Stored;
}

function toPrevious({ summary, artifacts }: Stored): PreviousBackup {
  return {
    manifest: manifestOf(summary),
    reusable: new Map(artifacts.map((artifact) => [artifact.name, artifact])),
    items: toItems(artifacts).filter(({ name }) => name.startsWith(files.needs.reuse?.rereads ?? "/")),
  };
}

function toItems(artifacts: readonly Artifact[]): RestoreItem[] {
  return artifacts.map(({ name, plainBytes, key }) => ({
    name,
    plainBytes,
    open: () => openStored(key),
  }));
}

async function restore(session: Session, store: string): Promise<void> {
  const { artifacts, summary } = await readStored(store);
  const items = toItems(artifacts);
  await session.restore({ items, manifest: manifestOf(summary), guard: "refuse-non-empty" });
}

function manifestOf(summary: DumpSummary): PreviousBackup["manifest"] {
  const ids = { backupId: "bench", setId: "bench", source: "uploads", kind: "files" } as const;
  const times = { slot: UNTIL, startedAt: UNTIL, sealedAt: UNTIL, lockedUntil: UNTIL, expiresAt: UNTIL };
  const { fingerprint, to, versions } = summary;
  return {
    ...{ formatVersion: 1, cadence: "manual", type: "full", artifacts: [] },
    ...{ ...ids, ...times, fingerprint, to, versions },
  };
}

await runChild(async (what: FilesWork) => {
  await work(what);
  return { bytes: what.bytes };
});
