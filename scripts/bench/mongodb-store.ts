import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { DumpSummary } from "../../lambda/engine/sources/source.ts";
import { compress, decompress } from "../../lambda/engine/stream/codec.ts";
import { makeMeter } from "../../lambda/engine/stream/meter.ts";
import { chain, type Stage } from "../../lambda/engine/stream/stage.ts";

export const DATABASE = "erp";
export const SINK_BYTES = 1024 * 1024;

const never = new AbortController().signal;

export const uriOf = (port: number) => `mongodb://127.0.0.1:${port}/?directConnection=true`;

/** One object of a dump that lies in a folder. */
export interface SavedItem {
  readonly name: string;
  readonly part?: number;
  readonly plainBytes: number;
}

export interface SavedDump {
  readonly summary: DumpSummary;
  readonly items: readonly SavedItem[];
}

export function fileOf(folder: string, { name, part }: Pick<SavedItem, "name" | "part">): string {
  return join(folder, `${name}${part === undefined ? "" : `.part-${part}`}.zst`);
}

/** Compressed and digested by the stages of a job, into a file. Answers the plain bytes. */
export async function store(body: AsyncIterable<Uint8Array>, file: string): Promise<number> {
  await mkdir(dirname(file), { recursive: true });
  let plainBytes = 0;
  const count: Stage = async function* countStage(source) {
    for await (const chunk of source) {
      plainBytes += chunk.length;
      yield chunk;
    }
  };
  await pipeline(
    chain(body, count, compress("zstd", never), makeMeter().stage),
    createWriteStream(file, { highWaterMark: SINK_BYTES }),
  );
  return plainBytes;
}

export async function save(folder: string, saved: SavedDump): Promise<void> {
  await writeFile(join(folder, "saved.json"), JSON.stringify(saved));
}

export async function readSaved(folder: string): Promise<SavedDump> {
  return JSON.parse(await readFile(join(folder, "saved.json"), "utf8")) as SavedDump;
}

export function openPlain(folder: string, item: SavedItem): AsyncIterable<Uint8Array> {
  const stored = createReadStream(fileOf(folder, item), { highWaterMark: SINK_BYTES });
  return chain(stored, decompress("zstd", never));
}
