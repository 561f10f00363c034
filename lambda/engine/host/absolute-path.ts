import { z } from "zod";

/** A path of the host as a configuration names it. */
export const absolutePathSchema = z
  .string()
  .max(4_096)
  .refine((path) => isAbsolute(path), "an absolute path without .. and without an end /");

function isAbsolute(path: string): boolean {
  if (!path.startsWith("/") || path === "/" || path.endsWith("/") || path.includes("\0")) return false;
  return path
    .slice(1)
    .split("/")
    .every((name) => name !== "" && name !== "." && name !== "..");
}
