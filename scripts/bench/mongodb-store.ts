import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DumpSummary } from "../../lambda/engine/sources/source.ts";
import { openStored } from "./stored.ts";

export const DATABASE = "erp";

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

export async function save(folder: string, saved: SavedDump): Promise<void> {
  await writeFile(join(folder, "saved.json"), JSON.stringify(saved));
}

export async function readSaved(folder: string): Promise<SavedDump> {
  return JSON.parse(await readFile(join(folder, "saved.json"), "utf8")) as SavedDump;
}

export function openPlain(folder: string, item: SavedItem): AsyncIterable<Uint8Array> {
  return openStored(fileOf(folder, item));
}
