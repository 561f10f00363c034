import { z } from "zod";
import { IntegrityError } from "../model/errors.ts";
import type { RestoreItem } from "../sources/source.ts";
import { collect, exactly } from "../stream/limits.ts";
import { DOMAIN } from "./config.ts";
import type { PemFile } from "./read.ts";

export const INDEX_ITEM = "certificates/index.json";
const INDEX_LIMIT_BYTES = 16 * 1024 * 1024;

const factsSchema = z.strictObject({
  mode: z.int().min(0).max(0o7777),
  uid: z.int().nonnegative(),
  gid: z.int().nonnegative(),
  modifiedSeconds: z.int(),
  bytes: z.int().nonnegative(),
});
const indexSchema = z.strictObject({
  formatVersion: z.literal(1),
  domains: z.array(
    z.strictObject({ domain: z.string().regex(DOMAIN), chain: factsSchema, key: factsSchema }),
  ),
});
/** What the last artifact says: every domain with the facts of its two files. */
export type Index = z.infer<typeof indexSchema>;
export type IndexedFacts = z.infer<typeof factsSchema>;

export const chainItem = (domain: string) => `certificates/${domain}/fullchain.pem`;
export const keyItem = (domain: string) => `certificates/${domain}/privkey.pem`;

export function factsOf({ bytes, facts }: PemFile): IndexedFacts {
  const { mode, uid, gid, modifiedSeconds } = facts;
  return { mode, uid, gid, modifiedSeconds, bytes: bytes.length };
}

/** Throws `IntegrityError` MALFORMED for what is no index, and ARTIFACT_MISSING when there is none. */
export async function readIndex(items: readonly RestoreItem[]): Promise<Index> {
  const item = items.find(({ name }) => name === INDEX_ITEM);
  if (item === undefined)
    throw new IntegrityError(
      "ARTIFACT_MISSING",
      `The backup has no ${INDEX_ITEM}. Nothing was changed; take another recovery point.`,
    );
  const text = (await readWhole(item, INDEX_LIMIT_BYTES)).toString();
  const parsed = indexSchema.safeParse(parse(text));
  if (parsed.success) return parsed.data;
  throw new IntegrityError(
    "MALFORMED",
    `${INDEX_ITEM} does not have its stored format: ${z.prettifyError(parsed.error)}. Nothing was changed; take another recovery point.`,
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** All of an item. Throws `IntegrityError` when it is not as long as the manifest says. */
export async function readWhole(item: RestoreItem, limitBytes: number): Promise<Buffer> {
  return await collect(exactly(item.plainBytes, item.name)(item.open()), limitBytes, item.name);
}
