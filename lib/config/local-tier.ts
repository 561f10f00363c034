import type { Estate } from "../../lambda/engine/model/estate.ts";
import { isTimeZone } from "../../lambda/engine/model/zone.ts";
import { authoredLocalTierSchema } from "./authoring.ts";
import { type Fault, show } from "./fault.ts";
import { moveOutOfGap, skippedTimes } from "./skipped-times.ts";

const PATH = "/backup";
/** Before the daily backup of the vault, in the quiet hours. */
const COPIES_AT = "02:00";
const KEEP = 7;

/** Where and when copies are put on the host; what the schema refuses is left out. */
export function resolveLocalTier(
  raw: unknown,
  timeZone: unknown,
  now: Date,
): { localTier?: Estate["localTier"]; faults: readonly Fault[] } {
  if (raw === undefined) return { faults: [] };
  const authored = authoredLocalTierSchema.safeParse(raw);
  if (!authored.success) return { faults: [] };
  const { path = PATH, at, keep = KEEP } = authored.data;
  const schedule = { at: at ?? COPIES_AT };
  if (typeof timeZone !== "string" || !isTimeZone(timeZone))
    return { localTier: { path, keep, schedule }, faults: [] };
  const moved = moveOutOfGap(schedule, timeZone, now);
  const [skipped] = skippedTimes(schedule, timeZone, now);
  if (at === undefined || skipped === undefined)
    return { localTier: { path, keep, schedule: moved }, faults: [] };
  return {
    faults: [
      {
        path: ["localTier", "at"],
        got: show(at),
        expected: `a time that exists on every day; in ${timeZone} the clock change skips it, next on ${skipped}`,
        remedy: `Take ${moved.at} or later.`,
      },
    ],
  };
}
