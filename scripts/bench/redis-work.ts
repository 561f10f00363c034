import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { redis } from "../../lambda/engine/sources/redis.ts";
import type { DumpSummary, RestoreItem, Session } from "../../lambda/engine/sources/source.ts";
import { benchContext, requireBody, runChild } from "./child.ts";
import { openStored, store } from "./stored.ts";

/** What one child process of the bench does. */
export interface RedisWork {
  readonly kind: "dump" | "restore";
  readonly port: number;
  /** Where the artifacts lie. */
  readonly store: string;
}

interface Stored {
  readonly summary: DumpSummary;
  readonly items: readonly { readonly name: string; readonly plainBytes: number }[];
}

const fileOf = (folder: string, index: number) => join(folder, `${index}.zst`);

/** With digests and fingerprints on: compressed, digested and written by the stages of a job. */
async function dump(session: Session, folder: string): Promise<number> {
  const taking = session.dump({ proof: "as-read" });
  const items: { name: string; plainBytes: number }[] = [];
  for await (const item of taking.items) {
    const { plainBytes } = await store(requireBody(item).body, fileOf(folder, items.length));
    items.push({ name: item.name, plainBytes });
  }
  const stored: Stored = { summary: await taking.summary(), items };
  await writeFile(join(folder, "stored.json"), JSON.stringify(stored));
  return items.reduce((sum, { plainBytes }) => sum + plainBytes, 0);
}

async function restore(session: Session, folder: string): Promise<number> {
  const { summary, items: listed } = JSON.parse(
    await readFile(join(folder, "stored.json"), "utf8"),
  ) as Stored;
  const items = listed.map(
    (item, index): RestoreItem => ({ ...item, open: () => openStored(fileOf(folder, index)) }),
  );
  // A restore looks at no more of a manifest than its versions and its fingerprint.
  const manifest = summary as unknown as Parameters<Session["restore"]>[0]["manifest"];
  await session.restore({ items, manifest, guard: "replace" });
  return listed.reduce((sum, { plainBytes }) => sum + plainBytes, 0);
}

await runChild(async ({ kind, port, store: folder }: RedisWork) => {
  const config = redis.config.parse({ reach: { via: "direct", host: "127.0.0.1", port } });
  await using session = await redis.open(config, benchContext(), "write");
  return { bytes: kind === "dump" ? await dump(session, folder) : await restore(session, folder) };
});
