import { createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { RefusedError } from "../lambda/engine/model/errors.ts";
import { makeMeter } from "../lambda/engine/stream/meter.ts";
import { chain } from "../lambda/engine/stream/stage.ts";
import { requireBackup } from "./backups.ts";
import { formatBytes, formatJson } from "./format.ts";
import { type CliWorld, openVault, type VaultOptions } from "./world.ts";

export interface ExportOptions extends VaultOptions {
  readonly json?: boolean;
}

/**
 * Writes a backup as the one file of its source's own tools, under a temporary name until it is whole. A file that is
 * there is never replaced. Throws `IntegrityError` for a changed byte.
 */
export async function exportToFile(
  backupId: string,
  path: string,
  options: ExportOptions,
  world: CliWorld,
): Promise<void> {
  const { exportBackup } = await import("../lambda/engine/jobs/export-backup.ts");
  const { sourceOf } = await import("../lambda/engine/jobs/world.ts");
  if (await stat(path).catch(() => undefined))
    throw new RefusedError("INPUT_INVALID", `${path} is there already. Name another file, or remove it.`);
  await requireFolder(path);
  const vault = await openVault(world, options);
  const { manifest } = await requireBackup(vault, backupId, world.signal);
  const meter = makeMeter();
  const body = exportBackup(manifest, codecOf(path), { vault, sourceOf }, world.signal);
  const partial = `${path}.partial`;
  try {
    await pipeline(chain(body, meter.stage), createWriteStream(partial), { signal: world.signal });
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  const { bytes, sha256 } = meter.measured();
  if (options.json) return world.print(formatJson({ backupId, path, bytes, sha256 }));
  world.print(`${path}: ${formatBytes(bytes)}, SHA-256 ${sha256}.`);
}

async function requireFolder(path: string): Promise<void> {
  const folder = dirname(resolve(path));
  if ((await stat(folder).catch(() => undefined))?.isDirectory()) return;
  throw new RefusedError(
    "INPUT_INVALID",
    `The folder ${folder} is not there. Make it, or name another file.`,
  );
}

function codecOf(path: string): "zstd" | "gzip" | "none" {
  if (path.endsWith(".gz")) return "gzip";
  return path.endsWith(".zst") ? "zstd" : "none";
}
