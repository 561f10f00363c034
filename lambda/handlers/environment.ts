import { z } from "zod";
import { WORKER_ROLES } from "../engine/jobs/job-table.ts";
import { ConfigError } from "../engine/model/errors.ts";
import { type Estate, estateSchema } from "../engine/model/estate.ts";
import { parseJsonText } from "../engine/model/json.ts";

const stateSchema = z.object({ STATE_BUCKET: z.string().min(1) });

const environmentSchema = stateSchema.extend({
  VAULT_BUCKET: z.string().min(1),
  /** Where the estate has a source that holds secrets. */
  SECRET_KEY_ARN: z.string().min(1).optional(),
  DRILL_HOST: z.string().min(1).optional(),
  DRILL_PORT: z.coerce.number().int().min(1).max(65535).optional(),
  /** Where a drill without a server makes its own folder. */
  DRILL_FOLDER: z.string().min(1).optional(),
  /** Only the slicer has it. */
  BACKUP_MACHINE_ARN: z.string().min(1).optional(),
  /** Only the approver has it. */
  ALERT_TOPIC_ARN: z.string().min(1).optional(),
  JOB_REQUEST: z.string().optional(),
  WORKER_ROLE: z.enum(WORKER_ROLES).optional(),
});

const publisherSchema = stateSchema.extend({
  ALERT_TOPIC_ARN: z.string().min(1),
  /** Where critical failures call people. */
  ESCALATE_MACHINE_ARN: z.string().min(1).optional(),
});

/** What a worker learns from its environment. Throws `ConfigError` INVALID_ENVIRONMENT that names every fault. */
export function readEnvironment() {
  return { ...parse(environmentSchema, process.env), estate: readEstate() };
}
export type Environment = ReturnType<typeof readEnvironment>;

/** What the publisher of failures needs. */
export function readPublisherEnvironment() {
  return { ...parse(publisherSchema, process.env), estate: readEstate() };
}

/** The bundler replaces this very expression by the resolved estate; it is no variable of the environment then. */
function readEstate(): Estate {
  return parse(estateSchema, parseJsonText(process.env.ESTATE_CONFIG ?? ""));
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    "INVALID_ENVIRONMENT",
    `The worker's environment is not what the stacks set: ${z.prettifyError(parsed.error)}. Deploy all stacks again.`,
  );
}
