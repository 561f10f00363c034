import { invariant, SourceError } from "../../model/errors.ts";
import type { EstateApp } from "../../model/estate.ts";
import type { Services } from "../services.ts";
import type { StepAnswer } from "./step.ts";

const SHOWN_OUTPUT_CHARACTERS = 500;

/** Stops the app by the host's own command. Repeatable, as the command has to be. */
export async function stopApp(services: Services, signal: AbortSignal): Promise<StepAnswer> {
  await runOnHost("stop the app", appOf(services).stopCommand, services, signal);
  return { app: "stopped" };
}

/** Starts the app by the host's own command. */
export async function startApp(services: Services, signal: AbortSignal): Promise<StepAnswer> {
  await runOnHost("start the app", appOf(services).startCommand, services, signal);
  return { app: "started" };
}

/** The app of the configuration; the machine asks only where there is one. */
export function appOf({ estate }: Services): EstateApp {
  invariant(estate.app, "a step of the app was started in an estate without an app");
  return estate.app;
}

/** Runs a command of the configuration. Throws `SourceError` COMMAND_FAILED. */
export async function runOnHost(
  what: "stop the app" | "start the app" | "start the services",
  command: string,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  await using host = await services.openHost(signal);
  const { exitCode, stdout, stderr } = await host.run(command, signal);
  if (exitCode === 0) return;
  throw new SourceError(
    "COMMAND_FAILED",
    `The host's command to ${what} ended with ${exitCode}, expected 0: ${(stderr || stdout).slice(-SHOWN_OUTPUT_CHARACTERS).trim()}. Run it on the host, correct it, and resume.`,
    { facts: { command, exitCode } },
  );
}
