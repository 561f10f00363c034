import { z } from "zod";
import { absolutePathSchema } from "../host/absolute-path.ts";

const PATHS_LIMIT = 200;

/** `estate.yaml` of a source of configuration. */
export const configFilesSchema = z.strictObject({
  /** Files, and folders with all that is below them; each must be there. */
  paths: z
    .array(absolutePathSchema)
    .min(1)
    .max(PATHS_LIMIT)
    .refine((paths) => paths.every((path) => !paths.some((other) => path.startsWith(`${other}/`))), {
      message: "a path lies below another one, which has it already",
    })
    .refine((paths) => new Set(paths).size === paths.length, { message: "a path is named twice" }),
  /** Below what the paths lie: the mounted disk of a host that does not start, or a folder to recover into beside. */
  root: absolutePathSchema.optional(),
});

export interface ConfigFilesConfig extends z.infer<typeof configFilesSchema> {
  /** The folder of a drill: any path may lie below it. */
  readonly scratchFolder?: string;
}

/** Where a path of the host is read and written. */
export function placeOf(path: string, { root, scratchFolder }: ConfigFilesConfig): string {
  return `${scratchFolder ?? root ?? ""}${path}`;
}

/** Whether a path of a backup is one that the configuration names, or lies below one. */
export function covers({ paths, scratchFolder }: ConfigFilesConfig, path: string): boolean {
  return scratchFolder !== undefined || paths.some((one) => path === one || path.startsWith(`${one}/`));
}
