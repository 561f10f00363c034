import { evaluate, type Json, type JsonObject, type TaskState } from "./asl.ts";
import { catchAll } from "./failure.ts";

/** What another runbook is started with. */
export interface HandOver {
  readonly comment: string;
  readonly machineArn: string;
  /** The last part of the new execution's name, after this one's: the same name starts it once, also when repeated. */
  readonly suffix: string;
  readonly input: Json;
  readonly timeoutSeconds: number;
  readonly step: string;
  readonly failed: string;
  readonly output: JsonObject;
  readonly next: string;
}

/** Of 80 characters that a name has. Source: API reference of Step Functions, StartExecution. */
const NAME_CHARACTERS = 70;

/** Starts the machine of another runbook and goes on: that one has its own end, and its own alert. */
export function handOver(to: HandOver): TaskState {
  return {
    Type: "Task",
    Comment: to.comment,
    Resource: "arn:aws:states:::states:startExecution",
    Arguments: {
      StateMachineArn: to.machineArn,
      Name: evaluate(`$substring($states.context.Execution.Name, 0, ${NAME_CHARACTERS}) & "-${to.suffix}"`),
      Input: to.input,
    },
    TimeoutSeconds: to.timeoutSeconds,
    Retry: [],
    Catch: catchAll(to.step, to.failed),
    Output: to.output,
    Next: to.next,
  };
}
