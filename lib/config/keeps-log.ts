import { sources } from "../../lambda/engine/sources/registry.ts";

/** Whether servers of this kind may keep a log of what is written, from which slices are made. */
export function mayKeepLog(kind: string): boolean {
  return sources[kind]?.needs.keepsLog ?? false;
}
