import type { z } from "zod";
import type { actOnHostRequestSchema, CompleteRun, HostAction } from "../../model/complete-recovery.ts";
import { SourceError, throwIfAborted } from "../../model/errors.ts";
import { mapParallel } from "../parallel.ts";
import { askHealth } from "../recover/health.ts";
import { appOf, runOnHost, stopApp } from "../recover/host-steps.ts";
import { servicesOn } from "../recover/run-host.ts";
import type { StepAnswer } from "../recover/step.ts";
import { askTarget } from "../recover/target.ts";
import { type Services, sourceConfigOf } from "../services.ts";
import { placeOf, requireRun } from "./require-run.ts";
import { writeStep } from "./run-state.ts";

type Request = z.infer<typeof actOnHostRequestSchema>;
type Action = (run: CompleteRun, services: Services, signal: AbortSignal) => Promise<StepAnswer>;

/** A database that was just created makes its files first. */
const SERVERS_WAIT_MS = 5 * 60_000;
const PAUSE_MS = 2_000;
const SERVERS_AT_A_TIME = 16;

const ACTIONS: Readonly<Record<HostAction, Action>> = {
  "stop-app": async (_run, services, signal) => await stopApp(services, signal),
  "start-services": startServices,
  "start-app": async (_run, services, signal) => {
    const { createCommand, startCommand } = appOf(services);
    await runOnHost("start the app", createCommand ?? startCommand, services, signal);
    return { app: "started" };
  },
  health: async (_run, services, signal) => await askHealth(services, signal),
};

/**
 * Does one thing on the host, between the sources, and keeps when. Done anew at each call, as the host may have changed
 * since; repeatable as the host's commands have to be. Throws what the action throws.
 */
export async function actOnHost(
  request: Request,
  services: Services,
  signal: AbortSignal,
): Promise<StepAnswer> {
  const { runId } = request.plan;
  const { executionArn } = request.execution;
  const run = await requireRun(request, services, signal);
  const startedAt = services.clock.now().toISOString();
  const onHost = await servicesOn(placeOf(runId, run), services, signal);
  const answer = await ACTIONS[request.action](run, onHost, signal);
  const endedAt = services.clock.now().toISOString();
  const record = { state: "done", executionArn, startedAt, endedAt, answer } as const;
  await writeStep(runId, request.action, record, services, signal);
  return answer;
}

/** Starts what the configuration names, and waits until every database of the run can be asked. */
async function startServices(
  { sources }: CompleteRun,
  services: Services,
  signal: AbortSignal,
): Promise<StepAnswer> {
  const command = services.estate.app?.servicesCommand;
  if (command !== undefined) await runOnHost("start the services", command, services, signal);
  const databases = sources.filter((source) => isDatabase(source, services));
  const deadline = services.clock.now().getTime() + SERVERS_WAIT_MS;
  await mapParallel(databases, SERVERS_AT_A_TIME, signal, (source, either) =>
    awaitServer(source, deadline, services, either),
  );
  return { servers: databases };
}

function isDatabase(source: string, { estate, sourceOf }: Services): boolean {
  return sourceOf(sourceConfigOf(estate, source).kind).needs.stage === "databases";
}

async function awaitServer(
  source: string,
  deadline: number,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      await askTarget(source, services, signal);
      return;
    } catch (error) {
      throwIfAborted(signal);
      if (!(error instanceof SourceError) || services.clock.now().getTime() >= deadline) throw error;
      await services.wait(PAUSE_MS, signal);
    }
  }
}
