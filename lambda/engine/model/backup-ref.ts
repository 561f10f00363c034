import { z } from "zod";
import { cadenceSchema } from "./cadence.ts";
import { idSchema } from "./ids.ts";

/** Names one backup exactly: that version of that manifest. */
export const backupRefSchema = z.strictObject({
  cadence: cadenceSchema,
  source: z.string(),
  backupId: idSchema,
  manifestVersionId: z.string(),
});
export type BackupRef = z.infer<typeof backupRefSchema>;
