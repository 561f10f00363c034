import { z } from "zod";
import { keys } from "../model/keys.ts";
import type { Services } from "./services.ts";
import { GAP_TOLD_MS } from "./slice-limits.ts";

const gapSchema = z.strictObject({ from: z.string().min(1), foundAt: z.iso.datetime() });

/**
 * Notes that the log no longer holds `from`, where slices had ended. True once that was found so long ago that a
 * failure of then has become an alert, and slices may go on from a later full backup. To be called under the lease.
 */
export async function isGapTold(
  source: string,
  from: string,
  services: Services,
  signal: AbortSignal,
): Promise<boolean> {
  const key = keys.sliceGap(source);
  const found = await services.state.read(key, signal);
  const known = found && gapSchema.parse(found.value);
  const now = services.clock.now();
  if (known?.from === from) return now.getTime() - Date.parse(known.foundAt) >= GAP_TOLD_MS;
  const wanted = { from, foundAt: now.toISOString() };
  if (found === undefined) await services.state.create(key, wanted, signal);
  else await services.state.replace(key, wanted, found.etag, signal);
  return false;
}
