import { z } from "zod";
import { addressSchema } from "../host/address.ts";

const port = z.int().min(1).max(65535).default(27017);
const text = z.string().min(1);
/** A set has at most 50 members. Source: MongoDB's manual, "Replica Set Members". */
const MEMBERS_LIMIT = 50;
/**
 * An idle primary writes every ten seconds, so a healthy member may seem that old; the driver's own least bound, 90 s,
 * also makes room for the ten seconds between its looks, which a choice that is made once has not. Sources:
 * MongoDB's "Max Staleness" specification, and its manual, "maxStalenessSeconds".
 */
const STALENESS = { leastSeconds: 20, defaultSeconds: 90 } as const;
const CERTIFICATES = /^\s*(-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+$/;

const reachSchema = z.discriminatedUnion("via", [
  z.strictObject({ via: z.literal("ssh"), host: text.default("127.0.0.1"), port }),
  z.strictObject({ via: z.literal("container"), container: text, port }),
  z.strictObject({ via: z.literal("direct"), host: text, port }),
  z.strictObject({
    via: z.literal("members"),
    /** Some members, as the set itself names them; it tells the others. */
    hosts: z.array(addressSchema).min(1).max(MEMBERS_LIMIT),
    replicaSet: text,
    through: z.enum(["ssh", "direct"]).default("ssh"),
    /** A secondary that is further behind the primary is not read from. */
    maxStalenessSeconds: z.int().min(STALENESS.leastSeconds).default(STALENESS.defaultSeconds),
  }),
]);
export type MongodbReach = z.infer<typeof reachSchema>;

/** As whom dumps log in, and, with `restore`, what overwrites: names and ARNs of secrets, never their values. */
const loginFields = {
  user: text.optional(),
  passwordSecret: text.optional(),
  /** PEM of a client certificate and its key. Without `user` it is also the login (MONGODB-X509). */
  certificateSecret: text.optional(),
  restoreUser: text.optional(),
  restorePasswordSecret: text.optional(),
  restoreCertificateSecret: text.optional(),
  /** As whom the oplog is replayed, where that is not who restores. */
  restoreReplayUser: text.optional(),
  restoreReplayPasswordSecret: text.optional(),
  restoreReplayCertificateSecret: text.optional(),
  /** The database that knows users with passwords. */
  authSource: text.optional(),
};

const tlsSchema = z.strictObject({
  /** PEM text of the certificate authorities to trust; without it, those of the system. */
  ca: z.string().regex(CERTIFICATES, "PEM text of one or more certificates, and nothing else").optional(),
  /** The name on the certificate where it is not the address, as behind a tunnel. */
  serverName: text.optional(),
});

/** The configuration of a source of the kind `mongodb`. */
export const mongodbConfigSchema = z
  .strictObject({ reach: reachSchema, ...loginFields, tls: tlsSchema.optional() })
  .superRefine((config, context) => {
    const fault = (field: keyof typeof loginFields, message: string) =>
      context.addIssue({ code: "custom", path: [field], message });
    if ((config.restoreUser === undefined) !== (config.restorePasswordSecret === undefined))
      fault("restorePasswordSecret", "restoreUser and restorePasswordSecret, or neither of them");
    if ((config.restoreReplayUser === undefined) !== (config.restoreReplayPasswordSecret === undefined))
      fault(
        "restoreReplayPasswordSecret",
        "restoreReplayUser and restoreReplayPasswordSecret, or neither of them",
      );
    for (const field of [
      "certificateSecret",
      "restoreCertificateSecret",
      "restoreReplayCertificateSecret",
    ] as const)
      if (config[field] !== undefined && config.tls === undefined)
        fault(field, "a client certificate is shown in TLS: set tls, be it {}");
  });
export type MongodbConfig = z.infer<typeof mongodbConfigSchema>;

/** Who logs in, by the names of secrets. */
export interface NamedLogin {
  readonly user: string | undefined;
  readonly passwordSecret: string | undefined;
  readonly certificateSecret: string | undefined;
}

/** Who does the work, and who replays the oplog where that is somebody else. */
export function loginsFor(
  config: Omit<MongodbConfig, "reach">,
  purpose: "read" | "write",
): { readonly main: NamedLogin; readonly replay: NamedLogin | undefined } {
  const { user, passwordSecret, certificateSecret } = config;
  const reading = { user, passwordSecret, certificateSecret };
  if (purpose === "read") return { main: reading, replay: undefined };
  const restoring = {
    user: config.restoreUser,
    passwordSecret: config.restorePasswordSecret,
    certificateSecret: config.restoreCertificateSecret,
  };
  const replaying = {
    user: config.restoreReplayUser,
    passwordSecret: config.restoreReplayPasswordSecret,
    certificateSecret: config.restoreReplayCertificateSecret,
  };
  return {
    main: isGiven(restoring) ? restoring : reading,
    replay: isGiven(replaying) ? replaying : undefined,
  };
}

function isGiven({ user, certificateSecret }: NamedLogin): boolean {
  return user !== undefined || certificateSecret !== undefined;
}
