import { z } from "zod";
import { wakeThaw } from "../engine/jobs/thaw/await-thaw.ts";
import { wireServices } from "./services.ts";

const WAKING_MS = 50_000;

/** Of `Object Restore Completed`, what is used. Source: S3 user guide, "EventBridge event message structure". */
const eventSchema = z.looseObject({
  detail: z.looseObject({ object: z.looseObject({ key: z.string().min(1) }) }),
});

/** `data/<cadence>/<source>/<backupId>/…`; undefined for what is no artifact. */
export function backupIdOf(event: unknown): string | undefined {
  const { key } = eventSchema.parse(event).detail.object;
  return /^data\/[^/]+\/[^/]+\/([^/]+)\/./.exec(key)?.[1];
}

/** Tells the runbook that waits for a backup that its artifacts are there. Repeatable. */
export async function thawed(event: unknown): Promise<string> {
  const backupId = backupIdOf(event);
  if (backupId === undefined) return "no-artifact";
  return await wakeThaw(backupId, wireServices().services, AbortSignal.timeout(WAKING_MS));
}
