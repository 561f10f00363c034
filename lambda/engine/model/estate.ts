import { z } from "zod";
import { cadenceSchema } from "./cadence.ts";

const minutesOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/);
const days = z.int().positive();

/** In the order of `Date.getUTCDay()`. */
export const WEEKDAYS = [
  "sunday",
  "monday",
  "tuesday",
  "wednesday",
  "thursday",
  "friday",
  "saturday",
] as const;

/** When a cadence fires. `every` counts from midnight UTC of 1970; `at` is the wall clock of the estate's time zone. */
const scheduleSchema = z.union([
  z.strictObject({ everyMinutes: z.int().min(1).max(1440) }),
  z.strictObject({
    at: minutesOfDay,
    onWeekday: z.enum(WEEKDAYS).optional(),
    onDayOfMonth: z.int().min(1).max(28).optional(),
  }),
]);
export type Schedule = z.infer<typeof scheduleSchema>;

/** What becomes of the backups of one cadence. Locks protect an object for `lockDays`, lifecycle ends it after `retainDays`. */
const cadencePolicySchema = z.strictObject({
  schedule: scheduleSchema.optional(),
  retainDays: days,
  lockDays: days,
  storage: z.enum(["standard", "glacier"]),
  /** Restore every backup of this cadence in isolation and compare it. */
  drill: z.boolean(),
});
export type CadencePolicy = z.infer<typeof cadencePolicySchema>;

export const hostSchema = z.strictObject({
  address: z.string().min(1),
  port: z.int().min(1).max(65535),
  user: z.string().min(1),
  /** The pinned public key, as in known_hosts: `ssh-ed25519 AAAA…`. */
  hostKey: z.string().regex(/^(ssh|ecdsa)-[a-z0-9-]+ [A-Za-z0-9+/=]+$/),
  /** Name or ARN of the Secrets Manager secret that holds the private key. */
  keySecret: z.string().min(1),
});

/** The host's own commands that stop and start the app, and how its health is asked for through the tunnel. */
const appSchema = z.strictObject({
  stopCommand: z.string().min(1),
  startCommand: z.string().min(1),
  /** Starts the databases and whatever else has to answer before data are put back; they need not exist yet. */
  servicesCommand: z.string().min(1).optional(),
  /** Starts the app on a host where it does not exist yet; left out where `startCommand` does. */
  createCommand: z.string().min(1).optional(),
  health: z.strictObject({
    /** As seen from the host. */
    url: z.url(),
    expectStatus: z.int(),
    expectBody: z.string().optional(),
    timeoutSeconds: z.int().positive(),
  }),
});

const estateSourceSchema = z.strictObject({
  kind: z.string(),
  compute: z.enum(["lambda", "fargate"]),
  /** Parsed by the source itself; secrets by name or ARN only. */
  config: z.json(),
});
export type EstateSource = z.infer<typeof estateSourceSchema>;

/**
 * The resolved configuration of one estate: every default filled in, no secret inside. Made from `estate.yaml`
 * by `lib/config`, carried to the workers inside their bundle, parsed again at their start.
 */
export const estateSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{1,30}$/),
  timeZone: z.string(),
  regions: z.strictObject({ primary: z.string(), replica: z.string() }),
  host: hostSchema,
  app: appSchema.optional(),
  sources: z.record(z.string().regex(/^[a-z][a-z0-9-]{0,30}$/), estateSourceSchema),
  /** Other servers that `recover` may write to. Never backed up; no name is that of a source. */
  targets: z.record(z.string().regex(/^[a-z][a-z0-9-]{0,30}$/), estateSourceSchema).optional(),
  cadences: z.partialRecord(cadenceSchema, cadencePolicySchema),
  fullEveryDays: days,
  lockMode: z.enum(["GOVERNANCE", "COMPLIANCE"]),
  codec: z.enum(["zstd", "gzip"]),
  objectives: z.strictObject({ rpoSeconds: z.int().positive(), rtoSeconds: z.int().positive() }),
  approval: z.strictObject({ recover: z.boolean(), waitMinutes: z.int().positive() }),
  alerts: z.strictObject({ emails: z.array(z.email()) }),
  /** A throw-away host on which everything is recovered by a schedule. */
  disasterDrill: z
    .strictObject({
      host: hostSchema.omit({ keySecret: true }),
      schedule: scheduleSchema,
      /** Sources that no throw-away host can take. */
      without: z.array(z.string()).optional(),
    })
    .optional(),
  /** The first tier: copies of the newest verified backups on the host's own disk. */
  localTier: z
    .strictObject({
      /** An absolute path of the host, which the SSH user may write to. */
      path: z.string().regex(/^\/[^\0]+$/),
      /** So many verified copies of each source stay. */
      keep: z.int().positive(),
      schedule: scheduleSchema,
    })
    .optional(),
  contacts: z.array(
    z.strictObject({ level: z.enum(["L1", "L2", "L3"]), name: z.string(), reach: z.string() }),
  ),
  /** How long each level has to answer, and whether a critical failure calls people by itself. */
  escalation: z.strictObject({
    waitMinutes: z.strictObject({ L1: z.int().positive(), L2: z.int().positive(), L3: z.int().positive() }),
    automatic: z.boolean(),
  }),
});
export type Estate = z.infer<typeof estateSchema>;
export type EstateHost = Estate["host"];
export type EstateApp = z.infer<typeof appSchema>;
