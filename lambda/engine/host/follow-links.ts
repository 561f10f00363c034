import { posix } from "node:path";
import { SourceError } from "../model/errors.ts";
import type { FileSystem } from "./file-system.ts";

/** Links of links: `live` points to `archive`. */
const LINKS_LIMIT = 8;

/** The file that a path means at last; the path itself where it is no link. Throws `SourceError` MISSING. */
export async function followLinks(path: string, files: FileSystem): Promise<string> {
  let place = path;
  for (let links = 0; links < LINKS_LIMIT; links++) {
    const facts = await files.lstat(Buffer.from(place));
    if (facts?.type !== "link") return place;
    const target = (await files.readLink(Buffer.from(place))).toString();
    place = posix.resolve(posix.dirname(place), target);
  }
  throw new SourceError(
    "MISSING",
    `${path} is a link that leads nowhere after ${LINKS_LIMIT} links. Correct it.`,
  );
}
