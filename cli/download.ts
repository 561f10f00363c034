import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { Listr } from "listr2";
import { IntegrityError } from "../lambda/engine/model/errors.ts";
import type { Artifact, Manifest } from "../lambda/engine/model/manifest.ts";
import { encodeManifest } from "../lambda/engine/model/manifest.ts";
import { requireBackup } from "./backups.ts";
import { type FetchedFile, fetchFile } from "./fetch-file.ts";
import { formatBytes } from "./format.ts";
import { type CliWorld, openVault, type VaultOptions } from "./world.ts";

/** Each file is one stream from S3. */
const FILES_AT_ONCE = 4;
/** `data/<cadence>/<source>/<backupId>/`: what follows is the path inside the dump. */
const KEY_FOLDERS = 4;

export interface DownloadOptions extends VaultOptions {
  readonly decompress?: boolean;
}

/**
 * Writes a backup into a folder: its files as they are stored, or decompressed, and its manifest. Every file is read
 * by version id and has the size and SHA-256 of the manifest before it gets its name; a repeat fetches only what is
 * missing. Throws `IntegrityError` for a changed byte.
 */
export async function downloadBackup(
  backupId: string,
  folder: string,
  options: DownloadOptions,
  world: CliWorld,
): Promise<void> {
  const vault = await openVault(world, options);
  const { manifest } = await requireBackup(vault, backupId, world.signal);
  const files = planFiles(manifest, resolve(folder), options.decompress === true);
  const results: FetchedFile[] = [];
  const tasks = files.map(({ path, artifacts }) => ({
    title: `${artifacts[0]?.name} (${formatBytes(artifacts.reduce((sum, one) => sum + one.storedBytes, 0))})`,
    task: async (_: unknown, task: { title: string }) => {
      await mkdir(dirname(path), { recursive: true });
      const file = { path, artifacts, decompress: options.decompress === true };
      const result = await fetchFile(vault, file, world.signal);
      results.push(result);
      task.title = `${task.title}: ${result.state}`;
    },
  }));
  await new Listr(tasks, {
    concurrent: FILES_AT_ONCE,
    renderer: world.taskRenderer,
    exitOnError: true,
    // Its own listener ends the process by 127; the command line ends by 130, after what was written whole.
    registerSignalListeners: false,
  }).run();
  await writeFile(join(folder, "manifest.json"), encodeManifest(manifest));
  world.print(describe(results, folder, options.decompress === true, manifest));
}

interface PlannedFile {
  readonly path: string;
  /** More than one only for the decompressed parts of one file, in order. */
  readonly artifacts: readonly Artifact[];
}

/** Which artifact becomes which file. Throws `IntegrityError` for a name that leads out of the folder. */
function planFiles(manifest: Manifest, folder: string, decompress: boolean): PlannedFile[] {
  const files = new Map<string, Artifact[]>();
  const inOrder = manifest.artifacts.toSorted((left, right) => (left.part ?? 0) - (right.part ?? 0));
  for (const artifact of inOrder) {
    const name = decompress ? artifact.name : artifact.key.split("/").slice(KEY_FOLDERS).join("/");
    const path = resolve(folder, name);
    if (!path.startsWith(folder + sep))
      throw new IntegrityError(
        "MANIFEST_INVALID",
        `The manifest ${manifest.backupId} names a file outside of the folder: got ${name}, expected a path below it. Nothing was written; find out who wrote this manifest.`,
        { facts: { name } },
      );
    files.set(path, [...(files.get(path) ?? []), artifact]);
  }
  return [...files].map(([path, artifacts]) => ({ path, artifacts }));
}

function describe(
  results: readonly FetchedFile[],
  folder: string,
  decompress: boolean,
  manifest: Manifest,
): string {
  const fetched = results.filter(({ state }) => state === "fetched");
  const bytes = fetched.reduce((sum, result) => sum + result.bytes, 0);
  const isPacked = !decompress && manifest.artifacts.some(({ codec }) => codec === "zstd");
  const hasParts = !decompress && manifest.artifacts.some(({ part }) => part !== undefined);
  return [
    `${results.length} files in ${folder}: ${fetched.length} fetched (${formatBytes(bytes)}), ${results.length - fetched.length} were there.`,
    ...(hasParts
      ? [
          `To join the parts: find ${folder} -name '*.part-0001' | while read -r first; do cat "\${first%.part-0001}".part-* > "\${first%.part-0001}" && rm "\${first%.part-0001}".part-*; done`,
        ]
      : []),
    ...(isPacked ? [`To unpack them: find ${folder} -name '*.zst' -exec zstd -d --rm {} +`] : []),
  ].join("\n");
}
