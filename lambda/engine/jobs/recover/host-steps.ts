import { invariant, SourceError } from "../../model/errors.ts";
import type { EstateApp } from "../../model/estate.ts";
import type { Services } from "../services.ts";
import type { RecoveryStepRequest, StepAnswer } from "./step.ts";

const SHOWN_OUTPUT_CHARACTERS = 500;

/** Stops the app by the host's own command. Repeatable, as the command has to be. */
export async function stopApp(
  _request: RecoveryStepRequest,
  services: Services,
  signal: AbortSignal,
): Promise<StepAnswer> {
  await runOnHost("stop", appOf(services).stopCommand, services, signal);
  return { app: "stopped" };
}

/** Starts the app by the host's own command. */
export async function startApp(
  _request: RecoveryStepRequest,
  services: Services,
  signal: AbortSignal,
): Promise<StepAnswer> {
  await runOnHost("start", appOf(services).startCommand, services, signal);
  return { app: "started" };
}

/** The app of the configuration; the machine asks only where there is one. */
export function appOf({ estate }: Services): EstateApp {
  invariant(estate.app, "a step of the app was started in an estate without an app");
  return estate.app;
}

async function runOnHost(
  what: "stop" | "start",
  command: string,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  await using host = await services.openHost(signal);
  const { exitCode, stdout, stderr } = await host.run(command, signal);
  if (exitCode === 0) return;
  throw new SourceError(
    "COMMAND_FAILED",
    `The host's command to ${what} the app ended with ${exitCode}, expected 0: ${(stderr || stdout).slice(-SHOWN_OUTPUT_CHARACTERS).trim()}. Run it on the host, correct it, and resume.`,
    { facts: { command, exitCode } },
  );
}
