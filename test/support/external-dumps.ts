import { readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import type { ExternalDump, ExternalFile } from "../../lambda/engine/sources/source.ts";
import { GOLDEN_DUMPS, readGoldenFile } from "./archives.ts";
import { bytesOf } from "./bytes.ts";

export const DUMPED_AT = new Date("2026-11-23T02:00:00.000Z");
const CHUNK_BYTES = 7_001;

/** A file in memory, given out in pieces that end nowhere in particular. */
function fileOf(path: string, bytes: Buffer): ExternalFile {
  return { path, bytes: bytes.length, modifiedAt: DUMPED_AT, open: () => bytesOf(bytes, CHUNK_BYTES) };
}

export function archiveFile(bytes: Buffer, name = "a.archive"): ExternalDump {
  return { form: "file", name, files: [fileOf(name, bytes)] };
}

export function folderOf(files: Readonly<Record<string, Buffer>>): ExternalDump {
  return {
    form: "folder",
    name: "dump",
    files: Object.entries(files).map(([path, bytes]) => fileOf(path, bytes)),
  };
}

/** The files of a golden folder by their paths in it. */
export function readGoldenFolder(name: string): Record<string, Buffer> {
  const folder = join(GOLDEN_DUMPS, name);
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const paths = found.map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  return Object.fromEntries(paths.sort().map((path) => [path, readGoldenFile(join(name, path))]));
}

/** A golden dump, archive or folder. */
export function goldenDump(name: string): ExternalDump {
  if (statSync(join(GOLDEN_DUMPS, name)).isDirectory()) return folderOf(readGoldenFolder(name));
  return archiveFile(readGoldenFile(name), name);
}
