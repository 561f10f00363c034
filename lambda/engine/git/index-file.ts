import { z } from "zod";
import { IntegrityError } from "../model/errors.ts";
import { encodeJson, parseJson } from "../model/json.ts";
import type { RestoreItem } from "../sources/source.ts";
import { collect } from "../stream/limits.ts";

export const INDEX_ITEM = "index.json";
const INDEX_BYTES_LIMIT = 64 * 1024 ** 2;
/** SHA-1, or SHA-256. Source: git, "hash-function-transition". */
const id = z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/);
/** No control character, as git itself refuses them. Source: git-check-ref-format. */
const refName = z.string().regex(/^refs\/[^\p{Cc} ~^:?*[\\]+$/u);

const repositorySchema = z.strictObject({
  bare: z.boolean(),
  objectFormat: z.enum(["sha1", "sha256"]),
  head: z.union([z.strictObject({ ref: refName }), z.strictObject({ detached: id })]),
  refs: z.record(refName, id),
  /** Names of artifacts in the order in which they build upon one another. */
  bundles: z.array(z.string().regex(/^[a-z0-9-]+\/bundle-\d{4}$/)),
});
export type RepositoryState = z.infer<typeof repositorySchema>;

/** What a backup of repositories is made of: for each its refs at one moment, and where the objects behind them are. */
const indexSchema = z.strictObject({
  formatVersion: z.literal(1),
  repositories: z.record(z.string(), repositorySchema),
});
export type GitIndex = z.infer<typeof indexSchema>;

export function encodeIndex(repositories: GitIndex["repositories"]): Uint8Array {
  return encodeJson(indexSchema.parse({ formatVersion: 1, repositories }));
}

/** Throws `IntegrityError` ARTIFACT_MISSING or MALFORMED. */
export async function readIndex(items: readonly RestoreItem[]): Promise<GitIndex> {
  const item = items.find(({ name }) => name === INDEX_ITEM);
  if (item === undefined)
    throw new IntegrityError(
      "ARTIFACT_MISSING",
      `The backup has no ${INDEX_ITEM}. Nothing was changed; take another recovery point.`,
    );
  const bytes = await collect(item.open(), INDEX_BYTES_LIMIT, INDEX_ITEM);
  const parsed = bytes.length === item.plainBytes ? indexSchema.safeParse(parseJson(bytes)) : undefined;
  if (parsed?.success) return parsed.data;
  throw new IntegrityError(
    "MALFORMED",
    `${INDEX_ITEM} is not what was written: ${parsed === undefined ? `${bytes.length} bytes of ${item.plainBytes}` : z.prettifyError(parsed.error)}. Nothing was changed; take another recovery point.`,
  );
}

/** `erp/bundle-0001` */
export function bundleName(repository: string, number: number): string {
  return `${repository}/bundle-${String(number).padStart(4, "0")}`;
}
