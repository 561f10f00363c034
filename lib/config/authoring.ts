import { z } from "zod";
import { CADENCES } from "../../lambda/engine/model/cadence.ts";
import { hostSchema, WEEKDAYS } from "../../lambda/engine/model/estate.ts";

/** A leaf: `description` is what a fault calls "expected", the first example is part of its remedy. */
function word(pattern: RegExp, description: string, example: string) {
  return z
    .string()
    .regex(pattern)
    .meta({ description, examples: [example] });
}

const NAME = /^[a-z][a-z0-9-]{0,30}$/;
const sourceName = word(NAME, "1 to 31 lower-case letters, digits and hyphens, a letter first", "mongodb");
const minutes = word(
  /^[1-9]\d{0,5} (minutes?|hours?|days?)$/,
  'a number of minutes, hours or days, e.g. "15 minutes"',
  "15 minutes",
);
const days = word(/^[1-9]\d{0,4} (days?|weeks?)$/, 'a number of days or weeks, e.g. "30 days"', "30 days");
const timeOfDay = word(
  /^([01]\d|2[0-3]):[0-5]\d$/,
  'a time of day on the 24-hour clock of timeZone, "HH:MM"',
  "02:00",
);
const region = word(
  /^[a-z]{2}(-[a-z]+)+-\d$/,
  "the code of an AWS Region, e.g. eu-central-1",
  "eu-central-1",
);
const text = (description: string, example: string) => word(/\S/, description, example);
const secret = word(
  /^[A-Za-z0-9/_+=.@:-]{1,512}$/,
  "the name or ARN of a secret in AWS Secrets Manager, never its value",
  "erp/backup-key",
);

/** One cadence: when it fires, how long its backups are kept, locked and where, and whether each is drilled. */
export const authoredCadenceSchema = z.strictObject({
  every: minutes.optional(),
  at: timeOfDay.optional(),
  on: z
    .union([z.enum(WEEKDAYS), z.int().min(1).max(28)])
    .meta({
      description: "weekly: a weekday such as sunday; monthly: a day from 1 to 28",
    })
    .optional(),
  cron: text('a cron expression of five fields, e.g. "0 2 * * *"', "0 2 * * *").optional(),
  keep: days.optional(),
  lock: days.optional(),
  storage: z
    .enum(["standard", "glacier"])
    .meta({ description: "standard or glacier", examples: ["standard"] })
    .optional(),
  drill: z
    .boolean()
    .meta({ description: "true to restore every backup of this cadence in isolation and compare it" })
    .optional(),
});
export type AuthoredCadence = z.infer<typeof authoredCadenceSchema>;

const cadenceOrOff = z
  .union([z.literal("off"), authoredCadenceSchema])
  .meta({ description: 'how this cadence runs, or "off"', examples: ["off"] });

const drillHostSchema = z.strictObject({
  address: text("the name or IP address of the host, as the workers reach it", "erp.example.com"),
  port: hostSchema.shape.port
    .meta({ description: "the port of sshd, 1 to 65535", examples: [22] })
    .optional(),
  user: text("the SSH user of the backups", "backup"),
  hostKey: word(
    /^(ssh|ecdsa)-[a-z0-9-]+ [A-Za-z0-9+/=]+$/,
    "the key type and the base64 of the host's public key: what ssh-keyscan prints, without the name before it",
    "ssh-ed25519 AAAAC3Nza…",
  ),
});
const authoredHostSchema = drillHostSchema.extend({ keySecret: secret });

/** A throw-away host on which everything is recovered once a month. */
export const authoredDisasterDrillSchema = z.strictObject({
  host: drillHostSchema.extend({ user: drillHostSchema.shape.user.optional() }).meta({
    description:
      "a machine that may be overwritten at any time; it lets in the same key as the estate's own host",
  }),
  on: z.int().min(1).max(28).meta({ description: "the day of the month, 1 to 28" }).optional(),
  at: timeOfDay.optional(),
  without: z
    .array(text("the name of a source", "exports"))
    .min(1)
    .meta({ description: "sources that the throw-away host cannot take" })
    .optional(),
});

/** Copies on the host's own disk. */
export const authoredLocalTierSchema = z.strictObject({
  path: word(
    /^(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/,
    "the absolute path of a folder on the host, of letters, digits, dots, - and _",
    "/backup",
  ).optional(),
  at: timeOfDay.optional(),
  keep: z
    .int()
    .min(1)
    .max(365)
    .meta({ description: "how many verified copies of each source stay, 1 to 365", examples: [7] })
    .optional(),
});

export const authoredAppSchema = z.strictObject({
  compose: z
    .strictObject({
      file: word(/^\/[^\n]+$/, "the absolute path of the compose file on the host", "/srv/erp/compose.yaml"),
      services: z
        .array(word(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "the name of a service of the compose file", "app"))
        .min(1)
        .meta({ description: "the services that are stopped during a restore", examples: ["[app]"] }),
      databases: z
        .array(word(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "the name of a service of the compose file", "mongodb"))
        .min(1)
        .meta({
          description: "the services that a complete recovery starts before it puts data back",
          examples: ["[mongodb, redis]"],
        })
        .optional(),
    })
    .optional(),
  stop: text("the host's command that stops the app", "systemctl stop erp").optional(),
  start: text("the host's command that starts the app", "systemctl start erp").optional(),
  services: text(
    "the host's command that starts the databases, for a complete recovery",
    "systemctl start mongod redis",
  ).optional(),
  health: z.strictObject({
    url: word(
      /^https?:\/\/[^\s/]+/,
      "the URL of the health page, as the host sees it",
      "http://127.0.0.1:8080/health",
    ),
    status: z.int().min(100).max(599).meta({ description: "the HTTP status of a healthy app" }).optional(),
    body: text("text that the page of a healthy app contains", "ok").optional(),
    timeout: minutes.optional(),
  }),
});

/** Keys of a source that belong to the estate; all others are the source's own configuration. */
export const authoredSourceSchema = z.looseObject({
  kind: word(NAME, "a kind of source that this version knows", "mongodb").optional(),
  compute: z
    .enum(["lambda", "fargate"])
    .meta({ description: "where its work runs: lambda or fargate", examples: ["fargate"] })
    .optional(),
});

const CADENCE_KEYS = Object.fromEntries(
  CADENCES.map((cadence) => [cadence, cadenceOrOff.optional()]),
) as Record<(typeof CADENCES)[number], z.ZodOptional<typeof cadenceOrOff>>;

/** `estate.yaml` as an operator writes it. `docs/configuration.md` tells every key and default. */
export const authoredEstateSchema = z.strictObject({
  name: word(
    /^[a-z][a-z0-9-]{1,30}$/,
    "2 to 31 lower-case letters, digits and hyphens, a letter first",
    "erp",
  ),
  timeZone: text("a name of the time-zone database, e.g. Africa/Cairo", "Africa/Cairo"),
  regions: z
    .strictObject({ primary: region, replica: region })
    .meta({ description: "the Region of the vault and another one for its replica" }),
  host: authoredHostSchema.meta({ description: "the machine that carries the sources, reached by SSH" }),
  app: authoredAppSchema
    .meta({ description: "how the app is stopped, started and asked for its health" })
    .optional(),
  sources: z
    .record(
      sourceName,
      authoredSourceSchema.meta({ description: "one source: its kind and the kind's own keys" }),
    )
    .meta({ description: "at least one source, by a name of lower-case letters, digits and hyphens" }),
  targets: z
    .record(
      sourceName,
      authoredSourceSchema.meta({ description: "one server: its kind and the kind's own keys" }),
    )
    .meta({ description: "other servers that recover may write to; never backed up" })
    .optional(),
  cadences: z.strictObject(CADENCE_KEYS).meta({ description: "changes to the default cadences" }).optional(),
  fullEvery: days.optional(),
  lock: z
    .strictObject({
      mode: z
        .enum(["governance", "compliance"])
        .meta({ description: "governance (the key admin can lift a lock) or compliance (nobody can)" }),
    })
    .meta({
      description:
        "mode: governance (the key admin can lift a lock) or compliance (nobody can, not even the account's root, until it ends)",
      examples: [{ mode: "governance" }],
    })
    .optional(),
  compression: z
    .enum(["zstd", "gzip"])
    .meta({ description: "zstd or gzip", examples: ["zstd"] })
    .optional(),
  objectives: z.strictObject({ rpo: minutes.optional(), rto: minutes.optional() }).optional(),
  approval: z
    .strictObject({
      recover: z
        .boolean()
        .meta({ description: "true when a second person must approve a recovery" })
        .optional(),
      wait: minutes.optional(),
    })
    .optional(),
  disasterDrill: authoredDisasterDrillSchema
    .meta({ description: "a throw-away host on which everything is recovered once a month" })
    .optional(),
  localTier: authoredLocalTierSchema
    .meta({
      description: "copies of the newest backups on the host's own disk, once a day",
      examples: ["{}"],
    })
    .optional(),
  alerts: z
    .strictObject({
      emails: z
        .array(z.email().meta({ description: "an e-mail address", examples: ["ops@example.com"] }))
        .meta({ description: "who is told of a failure" }),
    })
    .optional(),
  contacts: z
    .array(
      z.strictObject({
        level: z.enum(["L1", "L2", "L3"]).meta({ description: "L1, L2 or L3", examples: ["L1"] }),
        name: text("a person or a team", "Night shift"),
        reach: text("how they are reached", "+20 100 000 0000"),
      }),
    )
    .optional(),
  escalation: z
    .strictObject({
      L1: minutes.optional(),
      L2: minutes.optional(),
      L3: minutes.optional(),
      automatic: z
        .boolean()
        .meta({ description: "true when a critical failure calls the contacts by itself" })
        .optional(),
    })
    .meta({ description: "how long each level has to answer before the next one is called" })
    .optional(),
});
export type AuthoredEstate = z.infer<typeof authoredEstateSchema>;
