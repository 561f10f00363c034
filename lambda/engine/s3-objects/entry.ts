import { z } from "zod";
import { IntegrityError } from "../model/errors.ts";
import { parseJson } from "../model/json.ts";

/** Headers of an object that come back with it, by what S3 calls them in the answer of a GET. */
export const HEADER_NAMES = [
  "ContentType",
  "CacheControl",
  "ContentDisposition",
  "ContentEncoding",
  "ContentLanguage",
  "ExpiresString",
  "WebsiteRedirectLocation",
] as const;

/** The first line of each index. */
const headSchema = z.strictObject({
  format: z.literal("backup-estate/s3"),
  formatVersion: z.literal(1),
  part: z.int().positive(),
  /** Objects that changed since may have been read before they did. */
  startedAt: z.iso.datetime({ offset: false }),
});
export type IndexHead = z.infer<typeof headSchema>;

const shared = {
  bucket: z.string().min(1),
  key: z.string().min(1),
  versionId: z.string().optional(),
  modifiedAt: z.iso.datetime({ offset: false }),
};
const tagsSchema = z.array(z.tuple([z.string(), z.string()]));
const objectSchema = z.strictObject({
  type: z.literal("object"),
  ...shared,
  etag: z.string(),
  bytes: z.int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Where its bytes lie: in the plain bytes of a pack. */
  artifact: z.string().min(1),
  offset: z.int().nonnegative(),
  headers: z.partialRecord(z.enum(HEADER_NAMES), z.string()),
  metadata: z.record(z.string(), z.string()),
  /** In order of key. */
  tags: tagsSchema,
});
const lineSchema = z.discriminatedUnion("type", [
  objectSchema,
  z.strictObject({ type: z.literal("delete-marker"), ...shared }),
  /** It was seen and is not in the backup. */
  z.strictObject({
    type: z.literal("left-out"),
    ...shared,
    why: z.enum(["customer-key", "forbidden", "archived"]),
  }),
]);
export type ObjectEntry = z.infer<typeof objectSchema>;
/** One line of an index. */
export type Entry = z.infer<typeof lineSchema>;
export type Unreadable = Extract<Entry, { type: "left-out" }>["why"];
export type Tags = z.infer<typeof tagsSchema>;

export function encodeLine(line: IndexHead | Entry): Buffer {
  return Buffer.from(`${JSON.stringify(line)}\n`);
}

/** Throws `IntegrityError` MALFORMED. */
export function parseHead(line: Buffer, what: string): IndexHead {
  return parseAs(headSchema, line, what);
}

/** Throws `IntegrityError` MALFORMED. */
export function parseEntry(line: Buffer, what: string): Entry {
  return parseAs(lineSchema, line, what);
}

/** Throws `IntegrityError` MALFORMED. */
export function parseAs<Result>(schema: z.ZodType<Result>, bytes: Buffer, what: string): Result {
  const parsed = schema.safeParse(parseJson(bytes));
  if (parsed.success) return parsed.data;
  throw malformed(what, z.prettifyError(parsed.error));
}

export function malformed(what: string, why: string): IntegrityError {
  return new IntegrityError(
    "MALFORMED",
    `${what} is not what a backup of objects writes: ${why}. Nothing of it was used; take another recovery point.`,
  );
}
