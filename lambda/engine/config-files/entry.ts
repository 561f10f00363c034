import { z } from "zod";
import { absolutePathSchema } from "../host/absolute-path.ts";

/** A configuration file is a few kilobytes; one is held in memory at a time. */
export const FILE_LIMIT_BYTES = 16 * 1024 * 1024;

const facts = {
  path: absolutePathSchema,
  mode: z.int().min(0).max(0o7777),
  uid: z.int().nonnegative(),
  gid: z.int().nonnegative(),
  modifiedSeconds: z.int(),
};

/** What stands before each content of the artifact; its format is in docs/formats.md. */
export const headerSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("file"), ...facts, bytes: z.int().min(0).max(FILE_LIMIT_BYTES) }),
  z.strictObject({ type: z.literal("folder"), ...facts }),
  z.strictObject({ type: z.literal("link"), ...facts, target: z.string().min(1) }),
  z.strictObject({ type: z.literal("end"), entries: z.int().nonnegative() }),
]);
export type Header = z.infer<typeof headerSchema>;
export type EntryHeader = Exclude<Header, { type: "end" }>;

/** One thing of the host as a backup has it; `bytes` is empty but of a file. */
export interface Entry {
  readonly header: EntryHeader;
  readonly bytes: Buffer;
}
