import { z } from "zod";

/** No character that a shell reads: the path also stands in the one command that the host runs. */
const path = z
  .string()
  .max(1_024)
  .regex(
    /^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._-]+)+$/,
    "an absolute path of letters, digits and . _ - without .. and without an end /",
  );

/** `estate.yaml` of a source of n8n. */
export const n8nConfigSchema = z.strictObject({
  /** The database on the host: `database.sqlite` in n8n's folder, such as that of a volume. */
  database: path,
  /** Name or ARN of the secret that holds `N8N_ENCRYPTION_KEY`, or `encryptionKey` of n8n's file `config`. */
  encryptionKeySecret: z.string().min(1),
  /**
   * `sftp`: database and write-ahead log are read as they are, and read again where n8n cut the log meanwhile.
   * `sqlite3`: the host's own sqlite3 makes a copy beside the database, which is read and taken away.
   */
  copy: z.enum(["sftp", "sqlite3"]).default("sftp"),
  /** GiB of disk of the drill's task: room for three times the database without its executions. */
  drillDiskGiB: z.int().min(21).max(200).default(21),
});

export interface N8nConfig extends z.infer<typeof n8nConfigSchema> {
  /** Of a drill: the database lies on the worker's own disk. */
  readonly onDisk?: boolean;
}
