import { z } from "zod";
import { VaultError } from "../../model/errors.ts";
import { keys } from "../../model/keys.ts";
import { backupRefSchema } from "../../model/requests.ts";
import type { awaitThawRequestSchema } from "../../model/thaw.ts";
import type { Vault } from "../../vault/vault.ts";
import type { Services } from "../services.ts";
import { areReadable, readArtifacts } from "./artifacts.ts";

const objectSchema = z.strictObject({ key: z.string().min(1), versionId: z.string().min(1) });

/** Under `runs/thaws/`: whom the event of a restored object wakes, and what has to be readable then. */
const waitSchema = z.strictObject({
  taskToken: z.string().min(1),
  backup: backupRefSchema,
  objects: z.array(objectSchema),
});

/** Keeps the token; the last wait for a backup counts, an earlier one ends by its time and looks itself. */
export async function awaitThaw(
  { plan: { backup }, taskToken }: z.infer<typeof awaitThawRequestSchema>,
  { state, vault }: Services,
  signal: AbortSignal,
): Promise<void> {
  const key = keys.thaw(backup.backupId);
  const artifacts = await readArtifacts(backup, vault, signal);
  const objects = artifacts.map(({ key, versionId }) => ({ key, versionId }));
  const wait: z.infer<typeof waitSchema> = { taskToken, backup, objects };
  const before = await state.read(key, signal);
  const kept =
    before === undefined
      ? await state.create(key, wait, signal)
      : await state.replace(key, wait, before.etag, signal);
  if (kept) return;
  throw new VaultError(
    "CHANGED",
    `Another execution waits for the thaw of ${backup.backupId} and was faster to say so. The wait is tried again.`,
  );
}

/** What a waker may use: it looks whether objects are there, and may decrypt none. */
export interface WakingServices extends Pick<Services, "state"> {
  readonly vault: Vault;
  readonly tokens: Pick<Services["tokens"], "succeed">;
}

/** An object that came out of Glacier. */
export interface ThawedObject {
  readonly key: string;
  /** Of the backup that made it. */
  readonly backupId: string;
}

/**
 * Ends the wait for the backup that the object belongs to, once all of its artifacts can be read. Artifacts that a
 * backup took over lie under another backup's id: who waits for those finds them when it looks. Repeatable.
 */
export async function wakeThaw(
  { key, backupId }: ThawedObject,
  { state, vault, tokens }: WakingServices,
  signal: AbortSignal,
): Promise<"woken" | "not-yet" | "nobody-waits"> {
  const found = await state.read(keys.thaw(backupId), signal);
  if (found === undefined) return "nobody-waits";
  const { taskToken, backup, objects } = waitSchema.parse(found.value);
  if (!(await areReadable(objects, key, vault, signal))) return "not-yet";
  return (await tokens.succeed(taskToken, { backup })) ? "woken" : "nobody-waits";
}
