import { z } from "zod";
import type { TaskTokens } from "../engine/jobs/services.ts";
import { makeStepFunctionsClient, makeTaskTokens } from "./aws/step-functions.ts";

/** The error's literal name, as the machines know it. */
const WORKER_STOPPED = "WorkerStopped";

/** Of `ECS Task State Change`, what is used. Source: Amazon ECS, "Task state change events". */
const eventSchema = z.looseObject({
  detail: z.looseObject({
    taskArn: z.string(),
    stoppedReason: z.string().optional(),
    containers: z
      .array(
        z.looseObject({ name: z.string(), exitCode: z.number().optional(), reason: z.string().optional() }),
      )
      .default([]),
    overrides: z.looseObject({
      containerOverrides: z
        .array(
          z.looseObject({
            environment: z.array(z.looseObject({ name: z.string(), value: z.string() })).default([]),
          }),
        )
        .default([]),
    }),
  }),
});
type TaskEvent = z.infer<typeof eventSchema>;

/**
 * Ends the wait for a task that stopped. A worker that answered before is not contradicted: its token is gone, and
 * that is no error. Tasks without a token are left alone. Repeatable.
 */
export async function endWaitOfStoppedTask(raw: unknown, tokens: Pick<TaskTokens, "fail">): Promise<boolean> {
  const event = eventSchema.parse(raw);
  const taskToken = tokenOf(event);
  return taskToken !== undefined && (await tokens.fail(taskToken, WORKER_STOPPED, causeOf(event)));
}

function tokenOf({ detail }: TaskEvent): string | undefined {
  const variables = detail.overrides.containerOverrides.flatMap(({ environment }) => environment);
  const request = variables.find(({ name }) => name === "JOB_REQUEST")?.value;
  if (request === undefined) return undefined;
  try {
    const { taskToken } = JSON.parse(request) as { taskToken?: unknown };
    return typeof taskToken === "string" ? taskToken : undefined;
  } catch {
    return undefined;
  }
}

function causeOf({ detail }: TaskEvent): string {
  const containers = detail.containers.map(
    ({ name, exitCode, reason }) => `${name}: exit code ${exitCode ?? "none"}${reason ? ` (${reason})` : ""}`,
  );
  return `The task ${detail.taskArn} stopped without an answer: ${detail.stoppedReason ?? "no reason given"}; ${containers.join(", ")}. See its log; exit code 137 is often too little memory.`;
}

export async function taskStopped(event: unknown): Promise<void> {
  await endWaitOfStoppedTask(event, makeTaskTokens(makeStepFunctionsClient()));
}
