import { z } from "zod";
import { IntegrityError } from "../../model/errors.ts";
import { requireClaim } from "../claims.ts";
import type { Services } from "../services.ts";
import { checkChosenBackup, compareRestored, restoreBackup } from "./data-steps.ts";
import { askHealth } from "./health.ts";
import { startApp, stopApp } from "./host-steps.ts";
import { report } from "./report.ts";
import { placeNameOf, servicesOn } from "./run-host.ts";
import {
  type DoneRecord,
  type RecoveryStep,
  readDone,
  readRunPlan,
  voidDone,
  writeDone,
} from "./run-state.ts";
import type { RecoveryStepRequest, StepAnswer } from "./step.ts";

type Step = (request: RecoveryStepRequest, services: Services, signal: AbortSignal) => Promise<StepAnswer>;

interface StepKind {
  readonly run: Step;
  /** Whether a done-record of the run answers for it. What acts on the app is done anew: it may have changed since. */
  readonly onResume: "answer-again" | "do-again";
}

/** What is done of the app is the same whatever is restored. */
const onHost =
  (act: (services: Services, signal: AbortSignal) => Promise<StepAnswer>): Step =>
  (_request, services, signal) =>
    act(services, signal);

const STEPS: Readonly<Record<Exclude<RecoveryStep, "ask-approval" | "safety-backup">, StepKind>> = {
  "check-backup": { run: checkChosenBackup, onResume: "answer-again" },
  "stop-app": { run: onHost(stopApp), onResume: "do-again" },
  restore: { run: restoreBackup, onResume: "answer-again" },
  compare: { run: compareRestored, onResume: "answer-again" },
  "start-app": { run: onHost(startApp), onResume: "do-again" },
  health: { run: onHost(askHealth), onResume: "do-again" },
};

const approvalSchema = z.looseObject({ approval: z.string().optional() });

/**
 * Runs one step of `recover` under the source's claim and writes its done-record. A step with a done-record of the
 * run answers from it. A comparison that differs makes the restore undone. Errors are those of the step.
 */
export async function runRecoveryStep(
  request: RecoveryStepRequest,
  services: Services,
  signal: AbortSignal,
): Promise<unknown> {
  if (request.job === "report") return await report(request, services, signal);
  const step = request.job;
  const { runId, source } = request.plan;
  const done = await readDone(runId, step, services, signal);
  if (done && STEPS[step].onResume === "answer-again") {
    services.log.info("A step was done before", { runId, step });
    return done.answer;
  }
  const run = await readRunPlan(runId, services, signal);
  await requireClaim(placeNameOf(source, run?.purpose), request.execution.executionArn, services, signal);
  if (step === "check-backup") await noteApproval(request, services, signal);
  const startedAt = services.clock.now();
  try {
    const answer = await STEPS[step].run(request, await servicesOn(run, services, signal), signal);
    await writeDone(runId, step, doneRecord(request, startedAt, answer, services), services, signal);
    return answer;
  } catch (error) {
    if (step === "compare" && error instanceof IntegrityError)
      await voidDone(runId, "restore", services, signal);
    throw error;
  }
}

/** The machine comes here only after a yes; the approver may not write into `runs/`. */
async function noteApproval(
  request: RecoveryStepRequest,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  const { approval } = approvalSchema.parse(request.plan);
  if (approval !== "required") return;
  const { runId, approvedBy = null } = request.plan;
  // A resumed run that was approved before keeps that answer, unless it had to be asked again.
  if (approvedBy === null && (await readDone(runId, "ask-approval", services, signal))) return;
  const record = doneRecord(request, new Date(request.execution.startedAt), { approvedBy }, services);
  await writeDone(runId, "ask-approval", record, services, signal);
}

function doneRecord(
  request: RecoveryStepRequest,
  startedAt: Date,
  answer: StepAnswer,
  services: Services,
): DoneRecord {
  return {
    state: "done",
    executionArn: request.execution.executionArn,
    startedAt: startedAt.toISOString(),
    endedAt: services.clock.now().toISOString(),
    answer,
  };
}
