import { onlyOwnServers } from "../../host/own-servers.ts";
import type { CompletePurpose } from "../../model/complete-recovery.ts";
import { invariant } from "../../model/errors.ts";
import { keys } from "../../model/keys.ts";
import { hostOf, type NewHost, newHostSchema } from "../../model/new-host.ts";
import type { Services } from "../services.ts";
import type { RunPlan } from "./run-state.ts";

type Located = Pick<RunPlan, "host" | "partOf" | "purpose">;

/**
 * The services as a run has to use them: where it named a machine in the host's place, or the recovery of everything
 * that it is a part of did, every connection goes there; of a drill nowhere else.
 */
export async function servicesOn(
  run: Located | undefined,
  services: Services,
  signal: AbortSignal,
): Promise<Services> {
  const instead = run && (await findNewHost(run, services, signal));
  invariant(
    run?.purpose !== "drill" || instead !== undefined,
    "a drill has a host of its own; without it, its steps would go to the live one",
  );
  if (instead === undefined) return services;
  const host = hostOf(services.estate, instead);
  const openHost = (until: AbortSignal) => services.openHost(until, host);
  const guarded = async (until: AbortSignal) => onlyOwnServers(await openHost(until));
  return { ...services, openHost: run?.purpose === "drill" ? guarded : openHost };
}

async function findNewHost(
  { host, partOf }: Located,
  services: Services,
  signal: AbortSignal,
): Promise<NewHost | undefined> {
  return host ?? (partOf === undefined ? undefined : await readNewHost(partOf, services, signal));
}

/** The machine that a recovery of everything was given, at its start or with its approval. */
export async function readNewHost(
  runId: string,
  services: Services,
  signal: AbortSignal,
): Promise<NewHost | undefined> {
  const found = await services.state.read(keys.step(runId, "host"), signal);
  return found && newHostSchema.parse(found.value);
}

/** What a run claims, and notes that it overwrites: nothing of the estate itself where only a drill's host is touched. */
export function placeNameOf(name: string, purpose: CompletePurpose | undefined): string {
  return purpose === "drill" ? `${name}.disaster-drill` : name;
}
