import type { z } from "zod";
import type { CompleteRun, reachHostRequestSchema } from "../../model/complete-recovery.ts";
import { RefusedError, SourceError, throwIfAborted } from "../../model/errors.ts";
import { hostOf, type NewHost } from "../../model/new-host.ts";
import { readNewHost, servicesOn } from "../recover/run-host.ts";
import type { Services } from "../services.ts";
import { DRILL_HOST_TAKEN, isDrillHost } from "./input.ts";
import { placeOf, requireRun } from "./require-run.ts";
import { keepPlace, noteNewHost, readSteps, writeStep } from "./run-state.ts";

type Request = z.infer<typeof reachHostRequestSchema>;

/** A machine that has just been ordered boots meanwhile; the function that waits runs for 15 minutes at most. */
const WAIT_LIMIT_MS = 13 * 60_000;
const PAUSE_MS = 5_000;
/** What a machine says that is not ready yet; a wrong key is one that never will be. */
const MAY_PASS = ["UNREACHABLE", "CONNECTION_LOST", "TIMED_OUT", "AUTH_FAILED"];

/** More, and what guards the host against guessers locks the worker out. */
const REFUSED_LOGINS_LIMIT = 5;

/** Whether an app may be running there, and has to stop first. */
interface ReachAnswer {
  readonly stopsApp: boolean;
  readonly attempts: number;
}

/**
 * Keeps who approved and the host that the approval named, then waits until the host answers with its pinned key.
 * Repeatable. Throws `SourceError` HOST_KEY_CHANGED at once and the host's last answer after 13 minutes; `RefusedError`
 * INPUT_INVALID where a run that has a host is given another one.
 */
export async function reachHost(
  request: Request,
  services: Services,
  signal: AbortSignal,
): Promise<ReachAnswer> {
  const { runId } = request.plan;
  const { executionArn } = request.execution;
  const run = await requireRun(request, services, signal);
  const startedAt = services.clock.now().toISOString();
  await noteApproval(request, startedAt, services, signal);
  const host = await readNewHost(runId, services, signal);
  await requirePlace(runId, run, host, services, signal);
  const attempts = await awaitHost(await servicesOn(placeOf(runId, run), services, signal), signal);
  const done = await readSteps(runId, services, signal);
  const stopsApp = host === undefined || done["start-app"] !== undefined;
  const answer = { stopsApp, attempts };
  const endedAt = services.clock.now().toISOString();
  const record = { state: "done", executionArn, startedAt, endedAt, answer } as const;
  await writeStep(runId, "reach-host", record, services, signal);
  return answer;
}

/** The machine comes here only after a yes; the approver may not write into `runs/`. */
async function noteApproval(
  { plan: { runId }, execution: { executionArn, startedAt }, approved }: Request,
  now: string,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  if (approved === undefined) return;
  if (approved.host !== undefined) await takeHost(runId, approved.host, services, signal);
  const answer = { approvedBy: approved.approvedBy };
  const record = { state: "done", executionArn, startedAt, endedAt: now, answer } as const;
  await writeStep(runId, "ask-approval", record, services, signal);
}

/** What was restored to one host is not on another: a run stays where it began. */
async function requirePlace(
  runId: string,
  { purpose }: CompleteRun,
  host: NewHost | undefined,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  const { address, port, hostKey } = hostOf(services.estate, host);
  if (purpose === "recovery" && isDrillHost({ address, port, hostKey }, services.estate))
    throw new RefusedError("INPUT_INVALID", `host ${address}: ${DRILL_HOST_TAKEN}. Nothing was changed.`);
  if (purpose === "drill" && !isDrillHost({ address, port, hostKey }, services.estate))
    throw new RefusedError(
      "INPUT_INVALID",
      `The drill ${runId} began on ${address}, which is no longer the host of \`disasterDrill\` and may be live by now. Nothing was changed; start a new drill.`,
      { facts: { runId, address } },
    );
  const kept = await keepPlace(runId, { address, port, hostKey }, services, signal);
  if (kept.address === address && kept.port === port && kept.hostKey === hostKey) return;
  throw new RefusedError(
    "INPUT_INVALID",
    `The run ${runId} began on the host ${kept.address}:${kept.port}, and would go on at ${address}:${port}: what it restored there is not here. Nothing was changed; start a new recovery.`,
    { facts: { runId, began: kept.address, now: address } },
  );
}

async function takeHost(
  runId: string,
  host: NewHost,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  await noteNewHost(runId, host, services, signal);
  const kept = await readNewHost(runId, services, signal);
  if (kept?.address === host.address && kept.port === host.port && kept.hostKey === host.hostKey) return;
  throw new RefusedError(
    "INPUT_INVALID",
    `The run ${runId} goes to the host ${kept?.address}, and the approval names ${host.address}: a run keeps its host. Approve without \`host\`, or start a new recovery.`,
    { facts: { runId, host: kept?.address, named: host.address } },
  );
}

async function awaitHost(services: Services, signal: AbortSignal): Promise<number> {
  const deadline = services.clock.now().getTime() + WAIT_LIMIT_MS;
  let refusedLogins = 0;
  for (let attempt = 1; ; attempt++) {
    try {
      await knock(services, signal);
      return attempt;
    } catch (error) {
      throwIfAborted(signal);
      const mayPass = error instanceof SourceError && MAY_PASS.includes(error.code);
      refusedLogins += error instanceof SourceError && error.code === "AUTH_FAILED" ? 1 : 0;
      if (!mayPass || refusedLogins >= REFUSED_LOGINS_LIMIT || services.clock.now().getTime() >= deadline)
        throw error;
      services.log.info("The host does not answer yet", { attempt, why: error.message });
      await services.wait(PAUSE_MS, signal);
    }
  }
}

async function knock(services: Services, signal: AbortSignal): Promise<void> {
  await using host = await services.openHost(signal);
  try {
    await host.files?.();
  } catch (error) {
    // It answered; that it serves no files matters to sources that need them, and they say so.
    if (!(error instanceof SourceError) || error.code !== "UNSUPPORTED") throw error;
  }
}
