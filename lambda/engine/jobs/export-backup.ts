import { RefusedError } from "../model/errors.ts";
import type { Manifest } from "../model/manifest.ts";
import { compress } from "../stream/codec.ts";
import { type Bytes, chain } from "../stream/stage.ts";
import { restoreItemsOf } from "./artifacts.ts";
import type { Services } from "./services.ts";

/**
 * A backup as the one file of its source's own tools, packed by `codec`. Every artifact is proven while it is read: a
 * stream that ends without an error is whole. Throws `IntegrityError`, and `RefusedError` where the kind has no such file.
 */
export function exportBackup(
  manifest: Manifest,
  codec: "zstd" | "gzip" | "none",
  services: Pick<Services, "vault" | "sourceOf">,
  signal: AbortSignal,
): Bytes {
  const source = services.sourceOf(manifest.kind);
  if (source.writeExternal === undefined || manifest.type !== "full")
    throw new RefusedError(
      "INPUT_INVALID",
      `${manifest.backupId} is a ${manifest.type} backup of the kind ${manifest.kind}, which has no file of one's own tools. Use download instead.`,
    );
  const plain = source.writeExternal(restoreItemsOf(services.vault, manifest, signal), signal);
  return chain(plain, compress(codec, signal));
}
