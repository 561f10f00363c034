import { z } from "zod";
import { IntegrityError } from "../model/errors.ts";
import { encodeJson, parseJson } from "../model/json.ts";
import type { RestoreItem } from "../sources/source.ts";
import { collect, exactly } from "../stream/limits.ts";
import { chain } from "../stream/stage.ts";

/** Lists, not data; larger ones are not ours. */
const DESCRIPTION_BYTES_LIMIT = 64 * 1024 * 1024;

export const SERVER_ITEM = "server.json";
const SNAPSHOTS = "snapshots/";
const COLLECTIONS = "collections/";

/** Collections may be called almost anything; artifacts not. */
export const itemNames = {
  snapshot: (collection: string) => `${SNAPSHOTS}${encodeURIComponent(collection)}.snapshot`,
  collection: (collection: string) => `${COLLECTIONS}${encodeURIComponent(collection)}.json`,
} as const;

const serverSchema = z.strictObject({
  version: z.string(),
  /** What no snapshot of a collection holds. */
  aliases: z.array(z.strictObject({ alias: z.string(), collection: z.string() })),
  collections: z.array(z.string()),
  /** As the server told it, as text. */
  cluster: z.string(),
});
export type ServerDescription = z.infer<typeof serverSchema>;

const collectionSchema = z.strictObject({
  name: z.string(),
  snapshot: z.strictObject({ bytes: z.int().nonnegative(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  /** Settings as their texts, as the fingerprint has them. */
  settings: z.record(z.string(), z.string()),
  indexes: z.array(z.strictObject({ field: z.string(), schema: z.string() })),
  /** Points at the end of the snapshot. */
  count: z.int().nonnegative(),
  /** Written to while the snapshot was made: it has so many points, and these as they were before and after. */
  moving: z.strictObject({ least: z.int(), most: z.int(), unchanged: z.array(z.string()) }).optional(),
});
export type CollectionDescription = z.infer<typeof collectionSchema>;

export function encodeDescription(description: ServerDescription | CollectionDescription): Uint8Array {
  return encodeJson(description);
}

export interface DescribedBackup {
  readonly server: ServerDescription;
  readonly collections: readonly CollectionDescription[];
}

/** Reads what a backup says of itself. Throws `IntegrityError`: ARTIFACT_MISSING, MALFORMED, or as a stream does. */
export async function readDescriptions(items: readonly RestoreItem[]): Promise<DescribedBackup> {
  const server = await readAs(serverSchema, findItem(items, SERVER_ITEM));
  const collections: CollectionDescription[] = [];
  for (const name of server.collections)
    collections.push(await readAs(collectionSchema, findItem(items, itemNames.collection(name))));
  for (const { name, snapshot } of collections) {
    const { plainBytes } = findItem(items, itemNames.snapshot(name));
    if (plainBytes !== snapshot.bytes) throw otherSize(name, plainBytes, snapshot.bytes);
  }
  return { server, collections };
}

/** Throws `IntegrityError` ARTIFACT_MISSING. */
export function findItem(items: readonly RestoreItem[], name: string): RestoreItem {
  const found = items.find((item) => item.name === name);
  if (found !== undefined) return found;
  throw new IntegrityError(
    "ARTIFACT_MISSING",
    `The backup is not complete: ${name} is missing. Do not use this backup; take another one.`,
    { facts: { name } },
  );
}

async function readAs<Result>(schema: z.ZodType<Result>, item: RestoreItem): Promise<Result> {
  const plain = chain(item.open(), exactly(item.plainBytes, item.name));
  const parsed = schema.safeParse(parseJson(await collect(plain, DESCRIPTION_BYTES_LIMIT, item.name)));
  if (parsed.success) return parsed.data;
  throw new IntegrityError(
    "MALFORMED",
    `${item.name} is not what a backup of Qdrant has there: ${parsed.error.issues[0]?.message}. Do not use this backup; take another one.`,
    { facts: { name: item.name } },
  );
}

function otherSize(collection: string, got: number, expected: number): IntegrityError {
  return new IntegrityError(
    "SIZE_MISMATCH",
    `The snapshot of ${collection} has ${got} bytes, expected ${expected}. Do not use this backup; take another one.`,
    { facts: { collection, got, expected } },
  );
}
