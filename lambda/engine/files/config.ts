import { z } from "zod";
import { absolutePathSchema } from "../host/absolute-path.ts";
import { readPattern } from "../model/pattern.ts";

/** `estate.yaml` of a source of files. */
export const filesConfigSchema = z.strictObject({
  /** What each folder is called in backups, and where it lies on the host. The name is stored; the path may change. */
  folders: z
    .record(
      z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, "1 to 63 lower-case letters, digits and . _ -"),
      absolutePathSchema,
    )
    .refine((folders) => Object.keys(folders).length > 0, "at least one folder")
    .refine(
      (folders) => findNested(Object.values(folders)) === undefined,
      "folders that do not lie in each other",
    ),
  /** Paths that begin with a folder's name, in which `*` stands for anything; a folder means all that is in it. */
  exclude: z
    .array(
      z.string().refine((text) => readPattern(text) !== undefined, "a path in which * stands for anything"),
    )
    .max(200)
    .default([]),
  /** What the SSH user may not read fails the backup, or is left out and reported. */
  forbidden: z.enum(["fail", "report"]).default("fail"),
  /** All folders may be empty although the last backup was not. */
  mayBecomeEmpty: z.boolean().default(false),
  /** GiB of disk of the drill's task: room for the whole tree. */
  drillDiskGiB: z.int().min(21).max(200).default(50),
});

export interface FilesConfig extends z.infer<typeof filesConfigSchema> {
  /** The folder of a drill: backups go below it by their names, and all that is there is what was restored. */
  readonly scratchFolder?: string;
}

function findNested(paths: readonly string[]): string | undefined {
  return paths.find((path, index) =>
    paths.some((other, at) => at !== index && (other === path || other.startsWith(`${path}/`))),
  );
}
