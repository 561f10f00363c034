import { z } from "zod";
import { type ThawedObject, wakeThaw } from "../engine/jobs/thaw/await-thaw.ts";
import { wireServices } from "./services.ts";

const WAKING_MS = 50_000;

/** Of `Object Restore Completed`, what is used. Source: S3 user guide, "EventBridge event message structure". */
const eventSchema = z.looseObject({
  detail: z.looseObject({ object: z.looseObject({ key: z.string().min(1) }) }),
});

/** `data/<cadence>/<source>/<backupId>/…`; undefined for what is no artifact. */
export function objectOf(event: unknown): ThawedObject | undefined {
  const { key } = eventSchema.parse(event).detail.object;
  const [, backupId] = /^data\/[^/]+\/[^/]+\/([^/]+)\/./.exec(key) ?? [];
  return backupId === undefined ? undefined : { key, backupId };
}

/** Tells the runbook that waits for a backup that its artifacts are there. Repeatable. */
export async function thawed(event: unknown): Promise<string> {
  const object = objectOf(event);
  if (object === undefined) return "no-artifact";
  return await wakeThaw(object, wireServices().services, AbortSignal.timeout(WAKING_MS));
}
