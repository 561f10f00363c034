import { z } from "zod";
import { ABOUT_CHARACTERS, type Message } from "../engine/model/escalation.ts";
import type { Estate } from "../engine/model/estate.ts";
import { isRecovery } from "../engine/model/machines.ts";
import { redact } from "../engine/model/redact.ts";

/** Of `Step Functions Execution Status Change`, what is used. Source: AWS Step Functions, "Automating … with EventBridge". */
export const statusChangeSchema = z.looseObject({
  region: z.string().default(""),
  detail: z.looseObject({
    executionArn: z.string().min(1),
    stateMachineArn: z.string().min(1),
    name: z.string().min(1),
    status: z.enum(["FAILED", "TIMED_OUT", "ABORTED"]),
    startDate: z.number().nullish(),
    stopDate: z.number().nullish(),
    input: z.string().nullish(),
    error: z.string().nullish(),
    cause: z.string().nullish(),
  }),
});
type StatusChange = z.infer<typeof statusChangeSchema>;

/** Limit of an SNS subject. Source: Amazon SNS API, Publish. */
const SUBJECT_CHARACTERS = 100;
const CAUSE_CHARACTERS = 6_000;
const NO_CAUSE: Readonly<Record<StatusChange["detail"]["status"], string>> = {
  FAILED: "no cause was given",
  TIMED_OUT: "the execution ran longer than it may",
  ABORTED:
    "somebody stopped the execution; what it was doing is not finished, and no step cleaned up after it",
};

/** Bytes that were changed, or a backup that does not restore, cannot wait until morning. */
const CRITICAL = /IntegrityError|FINGERPRINT_DIFFERS|DIGEST_MISMATCH/;

/** What is told of one failed execution: what failed, why, where to look, the next command, and who can help. Pure. */
export function describeFailedExecution(
  { region, detail }: StatusChange,
  contacts: Estate["contacts"],
): Message {
  const machine = detail.stateMachineArn.split(":").at(-1) ?? "";
  const error = detail.error ?? detail.status;
  const cause = String(redact(detail.cause ?? NO_CAUSE[detail.status])).slice(0, CAUSE_CHARACTERS);
  const severity = CRITICAL.test(`${error} ${cause}`) ? "critical" : "error";
  const subject = `[${severity}] ${machine} ${detail.status.toLowerCase()}: ${error}`;
  return {
    subject: printable(subject).slice(0, SUBJECT_CHARACTERS),
    text: [
      `${machine} ${detail.status}: ${error}`,
      "",
      cause,
      "",
      `Execution: ${detail.executionArn}`,
      `Started: ${instant(detail.startDate)}   Ended: ${instant(detail.stopDate)}`,
      ...(detail.input ? [`Input: ${String(redact(detail.input))}`] : []),
      `Console: https://${region}.console.aws.amazon.com/states/home?region=${region}#/v2/executions/details/${detail.executionArn}`,
      `Next: ${nextCommand(detail)}`,
      ...contacts.map(({ level, name, reach }) => `${level}: ${name}, ${reach}`),
    ].join("\n"),
    attributes: {
      severity,
      machine,
      status: detail.status,
      error: printable(error).slice(0, SUBJECT_CHARACTERS),
      executionArn: detail.executionArn,
    },
  };
}

/** Whether a failure cannot wait until morning. That nobody answered a call starts no further calls. */
export function callsPeople({ attributes: { severity, machine } }: Message): boolean {
  return severity === "critical" && !machine?.endsWith("-escalate");
}

/** The alert as the text of an escalation. */
export function aboutOf({ subject, text }: Message): string {
  return `${subject}\n${text}`.slice(0, ABOUT_CHARACTERS);
}

function nextCommand(detail: StatusChange["detail"]): string {
  const { stateMachineArn, executionArn, name, status, error } = detail;
  const history = `aws stepfunctions get-execution-history --reverse-order --max-results 20 --execution-arn ${executionArn}`;
  if (!isRecovery(stateMachineArn)) return history;
  const start = `aws stepfunctions start-execution --state-machine-arn ${stateMachineArn} --input`;
  // The same bytes fail again. A plan changes nothing, and names another backup.
  if (error === "IntegrityError")
    return `do not repeat it, keep everything, call L2. Plan another backup: ${start} '{"mode":"plan"}'`;
  const resume = `${start} '{"resume":"${name}","mode":"execute"}'`;
  // No Catch runs then: nobody has said in what state the stack is.
  const warning = status === "FAILED" ? "" : "The app may be stopped and the data half restored. ";
  return `${warning}${resume}`;
}

function instant(ms: number | null | undefined): string {
  return ms == null ? "not known" : new Date(ms).toISOString();
}

/** A subject is ASCII without line breaks. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, " ");
}
