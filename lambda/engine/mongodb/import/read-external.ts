import { RefusedError } from "../../model/errors.ts";
import type { ExternalDump, ExternalHints, ExternalReading } from "../../sources/source.ts";
import { loadContentHash } from "../../stream/content-hash.ts";
import { loadRawDriver } from "../raw-driver.ts";
import { readExternalArchive } from "./read-external-archive.ts";
import { readExternalFolder } from "./read-external-folder.ts";

/**
 * A dump of mongodump 3.4 to 100.x as items in our own layout; the fingerprint is made of the bytes as they pass.
 * Throws `IntegrityError` with the place of the fault, `RefusedError` for what is no dump.
 */
export async function readExternal(
  dump: ExternalDump,
  hints: ExternalHints,
  signal: AbortSignal,
): Promise<ExternalReading> {
  const tools = { driver: await loadRawDriver(), newContent: await loadContentHash() };
  const [file] = dump.files;
  if (file === undefined)
    throw new RefusedError(
      "INPUT_INVALID",
      `${dump.name} holds no files. Name an archive file, or the folder that mongodump wrote.`,
    );
  if (dump.form === "file") return readExternalArchive({ ...dump, file }, hints, tools, signal);
  return readExternalFolder(dump, hints, tools, signal);
}
