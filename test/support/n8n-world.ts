import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHost } from "../../lambda/engine/host/open-host.ts";
import type { Manifest } from "../../lambda/engine/model/manifest.ts";
import { n8n } from "../../lambda/engine/sources/n8n.ts";
import type { DumpSummary, Purpose, Session } from "../../lambda/engine/sources/source.ts";
import { toItems } from "./files-world.ts";
import { manifestFor } from "./mongodb.ts";
import { ENCRYPTION_KEY, makeDatabase } from "./n8n-database.ts";
import { type Sshd, startSshd } from "./sshd.ts";
import { storedItems } from "./stored-items.ts";

const NEVER = new AbortController().signal;

export interface TakenN8n {
  readonly items: ReadonlyMap<string, Buffer>;
  readonly summary: DumpSummary;
  readonly manifest: Manifest;
}

export interface N8nWorld extends AsyncDisposable {
  readonly sshd: Sshd;
  /** Paths of two databases; that of the target is not made. */
  readonly source: string;
  readonly target: string;
  open(database: string, changes?: N8nChanges): Promise<Session>;
  dump(changes?: N8nChanges): Promise<TakenN8n>;
  restore(taken: TakenN8n, changes?: N8nChanges): Promise<void>;
}

export interface N8nChanges {
  readonly config?: object;
  /** What the secret holds. */
  readonly key?: string;
  readonly purpose?: Purpose;
}

/** A real sshd, and a database with the schema of n8n 2.40.5 in a folder of its own. */
export async function startN8nPlaces(): Promise<N8nWorld> {
  const sshd = await startSshd();
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-n8n-"));
  const [source, target] = ["source", "target"].map((place) => join(folder, place, "database.sqlite")) as [
    string,
    string,
  ];
  for (const place of ["source", "target"]) await mkdir(join(folder, place));
  makeDatabase(source);
  const open: N8nWorld["open"] = (database, changes = {}) => openN8n(sshd, database, changes);
  return {
    ...{ sshd, source, target, open },
    async dump(changes = {}) {
      await using session = await open(source, { purpose: "read", ...changes });
      return await takeDump(session);
    },
    async restore({ items, manifest }, changes = {}) {
      await using session = await open(target, changes);
      await session.restore({ items: toItems(items), manifest, guard: "refuse-non-empty" });
    },
    async [Symbol.asyncDispose]() {
      await sshd[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function openN8n(
  { host, privateKey }: Sshd,
  database: string,
  { config, key = ENCRYPTION_KEY, purpose = "write" }: N8nChanges,
): Promise<Session> {
  const connected = await openHost(host, privateKey, NEVER);
  const parsed = n8n.config.parse({ database, encryptionKeySecret: "erp/n8n-key", ...config });
  const context = {
    signal: NEVER,
    clock: { now: () => new Date() },
    random: { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) },
    host: connected,
    secret: async () => key,
    progress: () => {},
  };
  const session = await n8n.open(parsed, context, purpose);
  const close = session[Symbol.asyncDispose].bind(session);
  session[Symbol.asyncDispose] = async () => {
    await close();
    await connected[Symbol.asyncDispose]();
  };
  return session;
}

async function takeDump(session: Session): Promise<TakenN8n> {
  const dump = session.dump({ proof: "as-read" });
  const items = new Map<string, Buffer>();
  for await (const { name, body } of storedItems(dump.items))
    items.set(name, Buffer.concat(await Array.fromAsync(body)));
  const summary = await dump.summary();
  return { items, summary, manifest: { ...manifestFor(summary), source: "n8n", kind: "n8n" } };
}
