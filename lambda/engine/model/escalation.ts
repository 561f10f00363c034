import { z } from "zod";
import type { Estate } from "./estate.ts";
import { executionSchema } from "./execution.ts";

/** Who is called first, and who when nobody answers. */
export const LEVELS = ["L1", "L2", "L3"] as const;
export const levelSchema = z.enum(LEVELS);
export type Level = z.infer<typeof levelSchema>;

/** What an escalation may be about, at most: the execution carries it through every state. */
export const ABOUT_CHARACTERS = 2_000;
const NAME_CHARACTERS = 100;

/** What an operator, or the publisher of failures, says to the runbook `escalate`. */
export const escalateInputSchema = z.strictObject({ about: z.string().min(1).max(ABOUT_CHARACTERS) });

/** What the person who takes it over says to the same runbook. */
export const acknowledgeInputSchema = z.strictObject({
  /** The execution of `escalate` that waits. */
  acknowledge: z.string().min(1),
  by: z.string().min(1).max(NAME_CHARACTERS),
});

const escalationSchema = z.strictObject({ runId: z.string().min(1), about: z.string().min(1) });
/** One execution of `escalate`. */
export type Escalation = z.infer<typeof escalationSchema>;

/** Role approver, returns. Validates the input with one text that lists all faults. */
export const openEscalationRequestSchema = z.strictObject({
  job: z.literal("open-escalation"),
  execution: executionSchema,
  input: z.unknown(),
});

/** Role approver, token: calls the contacts of one level. Answered by who takes it over. */
export const callContactsRequestSchema = z.strictObject({
  job: z.literal("call-contacts"),
  execution: executionSchema,
  escalation: escalationSchema,
  level: levelSchema,
  taskToken: z.string().min(1),
});

/** Role approver, returns. Ends the calls of an escalation that waits. */
export const acknowledgeRequestSchema = z.strictObject({
  job: z.literal("acknowledge"),
  execution: executionSchema,
  input: z.unknown(),
});

/** What a level's call is answered with. */
export interface Acknowledgement {
  readonly runId: string;
  readonly level: Level;
  readonly takenBy: string;
}

/** One message to people: a subject for the list of mails, a text, and the same facts as attributes for filters. */
export interface Message {
  readonly subject: string;
  readonly text: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** The call of one level: whom it means, what it is about, how it is taken over, who comes next. Pure. */
export function describeCall(
  { runId, about }: Escalation,
  level: Level,
  { name, contacts, escalation }: Pick<Estate, "name" | "contacts" | "escalation">,
): Message {
  const called = contacts.filter((contact) => contact.level === level);
  const next = LEVELS[LEVELS.indexOf(level) + 1];
  const waitMinutes = escalation.waitMinutes[level];
  return {
    subject: `[${level}] ${name}: somebody has to look at a backup`,
    text: [
      `${level} of the backup estate ${name} is called.`,
      "",
      about,
      "",
      ...(called.length === 0
        ? [`estate.yaml names no contact of ${level}: whoever reads this, take it over.`]
        : called.map((contact) => `${level}: ${contact.name}, ${contact.reach}`)),
      `Take it over: npx backup-estate run escalate --acknowledge ${runId} --by "<your name>"`,
      `In the console: start the machine ${name}-escalate with {"acknowledge":"${runId}","by":"<your name>"}`,
      `After ${waitMinutes} minutes without an answer ${next === undefined ? "the escalation ends as failed" : `${next} is called`}.`,
    ].join("\n"),
    attributes: { severity: "critical", level, runId },
  };
}
