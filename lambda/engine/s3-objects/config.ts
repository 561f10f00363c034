import { z } from "zod";

const port = z.int().min(1).max(65535).default(9000);
const reachSchema = z.discriminatedUnion("via", [
  z.strictObject({ via: z.literal("ssh"), host: z.string().min(1).default("127.0.0.1"), port }),
  z.strictObject({ via: z.literal("container"), container: z.string().min(1), port }),
  z.strictObject({ via: z.literal("direct"), host: z.string().min(1), port }),
]);
const BUCKETS_LIMIT = 100;

/** A bucket's name. Source: S3 user guide, "General purpose bucket naming rules". */
const bucketSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "3 to 63 lower-case letters, digits, . and -");

/** `estate.yaml` of a source of objects. */
export const s3ConfigSchema = z
  .strictObject({
    /** Where S3 answers. */
    reach: reachSchema,
    /** What is backed up. A bucket that is not there fails the backup. */
    buckets: z
      .array(bucketSchema)
      .min(1)
      .max(BUCKETS_LIMIT)
      .refine((names) => new Set(names).size === names.length, "each bucket once"),
    region: z.string().min(1).default("us-east-1"),
    accessKeyId: z.string().min(1),
    /** Name or ARN of the secret that holds the secret key of `accessKeyId`. */
    secretKeySecret: z.string().min(1),
    /** As whom a restore signs, where that is another. */
    restoreAccessKeyId: z.string().min(1).optional(),
    restoreSecretKeySecret: z.string().min(1).optional(),
    tls: z
      .strictObject({
        /** The authorities that are trusted, as PEM; without it those of the system. */
        ca: z.string().startsWith("-----BEGIN CERTIFICATE-----").optional(),
        /** The name on the certificate where it is not the address, as behind a tunnel. */
        serverName: z.string().min(1).optional(),
      })
      .optional(),
    /** What cannot be read (encrypted with a customer's key, forbidden, archived) fails the backup, or is left out and reported. */
    unreadable: z.enum(["fail", "report"]).default("fail"),
  })
  .refine(
    ({ restoreAccessKeyId, restoreSecretKeySecret }) =>
      (restoreAccessKeyId === undefined) === (restoreSecretKeySecret === undefined),
    {
      path: ["restoreSecretKeySecret"],
      message: "restoreAccessKeyId and restoreSecretKeySecret, or neither of them",
    },
  );

export type S3Config = z.infer<typeof s3ConfigSchema>;

/** The server of a drill: its own keys, and all buckets that are there. */
export interface DrillPlace {
  readonly drill: { readonly host: string; readonly port: number };
}
