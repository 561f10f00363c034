import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { DumpSummary, RestoreItem } from "../../../lambda/engine/sources/source.ts";
import { readPeakRss } from "../../../scripts/bench/peak-rss.ts";
import { manifestFor } from "../../support/mongodb.ts";
import { storedItems } from "../../support/stored-items.ts";
import { type Opening, openPlace } from "./sessions.ts";

/** Run as a process of its own: dumps a place into a folder, or restores it from there, and prints its peak RSS. */
const [act = "", folder = "", text = ""] = process.argv.slice(2);
const opening = JSON.parse(text) as Opening;
const signal = AbortSignal.timeout(110_000);
const listFile = join(folder, "dump.json");

interface Listed {
  readonly names: readonly string[];
  readonly summary: DumpSummary;
}

async function dump(): Promise<void> {
  await using session = await openPlace(opening, "read", signal);
  const reading = session.dump({ proof: "as-read" });
  const names: string[] = [];
  await mkdir(folder, { recursive: true });
  for await (const { name, body } of storedItems(reading.items)) {
    await pipeline(Readable.from(body), createWriteStream(join(folder, String(names.length))));
    names.push(name);
  }
  await writeFile(listFile, JSON.stringify({ names, summary: await reading.summary() } satisfies Listed));
}

async function restore(): Promise<void> {
  const { names, summary } = JSON.parse(await readFile(listFile, "utf8")) as Listed;
  const items = await Promise.all(
    names.map(async (name, index): Promise<RestoreItem> => {
      const file = join(folder, String(index));
      return { name, plainBytes: (await stat(file)).size, open: () => createReadStream(file) };
    }),
  );
  await using session = await openPlace(opening, "write", signal);
  const manifest = { ...manifestFor(summary), source: opening.kind, kind: opening.kind };
  await session.restore({ items, manifest, guard: "replace" });
}

if (act === "dump") await dump();
else await restore();
process.stdout.write(JSON.stringify({ peakBytes: readPeakRss() }));
