import type { z } from "zod";
import { type CompletePurpose, completeInputSchema } from "../../model/complete-recovery.ts";
import type { Estate } from "../../model/estate.ts";
import { describeIssues, inputRefusal } from "../../model/input-faults.ts";
import type { NewHost } from "../../model/new-host.ts";
import type { Rules } from "../recover/input.ts";

type Authored = z.infer<typeof completeInputSchema>;

export type CompleteInput =
  | {
      readonly way: "new";
      readonly mode: Authored["mode"];
      readonly setId?: string;
      readonly notAfter?: Date;
      readonly sources: readonly string[];
      readonly without: readonly string[];
      readonly host?: NewHost;
      readonly slices: "leave-out" | "replay";
      readonly reason: string;
      readonly rules: Rules;
    }
  | {
      readonly way: "resume";
      readonly mode: Authored["mode"];
      readonly runId: string;
      readonly rules: Rules;
    };

/** A resumed run keeps them all. */
const KEPT = ["setId", "notAfter", "without", "host", "slices"] as const;
const NO_REASON = "not given";

/** What the operator asked for. Throws `RefusedError` INPUT_INVALID, one text that lists every fault. */
export function parseCompleteInput(raw: unknown, purpose: CompletePurpose, estate: Estate): CompleteInput {
  const parsed = completeInputSchema.safeParse(raw ?? {});
  const said = parsed.data;
  const faults = [
    ...describeIssues(parsed.error),
    ...(said ? [...findFaults(said, estate), ...findFaultsOfPurpose(said, purpose, estate)] : []),
  ];
  if (said === undefined || faults.length > 0)
    throw inputRefusal(faults, {
      subject: purpose === "drill" ? "The input of disaster-drill" : "The input of the complete recovery",
      unchanged: "nothing was changed",
      advice: "Correct the input and start again; {} plans the newest set that holds every source, verified.",
    });
  return toInput(said, estate, purpose);
}

function findFaults(said: Authored, { sources }: Estate): string[] {
  const names = Object.keys(sources);
  const without = said.without ?? [];
  const unknown = without.filter((name) => !names.includes(name));
  return [
    ...unknown.map((name) => `without: got ${JSON.stringify(name)}, expected one of ${names.join(", ")}`),
    ...(names.every((name) => without.includes(name))
      ? ["without: it names every source, nothing is left to recover"]
      : []),
    ...(said.setId !== undefined && said.notAfter !== undefined
      ? ["notAfter: a set was named, leave its moment out"]
      : []),
    ...(said.resume !== undefined && KEPT.some((field) => said[field] !== undefined)
      ? [`resume: a resumed run keeps ${KEPT.map((field) => `\`${field}\``).join(", ")}, leave them out`]
      : []),
  ];
}

function findFaultsOfPurpose(said: Authored, purpose: CompletePurpose, estate: Estate): string[] {
  const { disasterDrill } = estate;
  if (purpose === "recovery")
    return said.host && isDrillHost(said.host, estate) ? [`host: ${DRILL_HOST_TAKEN}`] : [];
  return [
    ...(disasterDrill === undefined
      ? ["the estate has no throw-away host: write `disasterDrill` into estate.yaml and deploy"]
      : []),
    ...(said.host === undefined ? [] : ["host: a drill goes to the host of `disasterDrill`, leave it out"]),
  ];
}

/** Whoever lives on it is overwritten by the next drill, without a question. */
export const DRILL_HOST_TAKEN =
  "that is the throw-away host of `disasterDrill`, which the next drill overwrites: take `disasterDrill` out of estate.yaml and deploy first, or name another machine";

/** Whether a machine is the one of the drills, by its address or by its key. */
export function isDrillHost({ address, port = 22, hostKey }: NewHost, { disasterDrill }: Estate): boolean {
  const drill = disasterDrill?.host;
  if (drill === undefined) return false;
  return (drill.address === address && drill.port === port) || drill.hostKey === hostKey;
}

function toInput(said: Authored, estate: Estate, purpose: CompletePurpose): CompleteInput {
  const { mode, resume, setId, notAfter, slices = "leave-out", reason = NO_REASON } = said;
  const spared = purpose === "drill" ? estate.disasterDrill?.without : undefined;
  const without = said.without ?? spared ?? [];
  const host = purpose === "drill" ? estate.disasterDrill?.host : said.host;
  const rules: Rules = {
    // Nothing of a throw-away host is worth a backup.
    ...(purpose === "drill"
      ? { safetyBackup: "skip" as const }
      : said.safetyBackup && { safetyBackup: said.safetyBackup }),
    ...(said.space && { space: said.space }),
  };
  if (resume !== undefined) return { way: "resume", mode, runId: resume, rules };
  return {
    way: "new",
    mode,
    ...(setId !== undefined && { setId }),
    ...(notAfter !== undefined && { notAfter: new Date(notAfter) }),
    sources: Object.keys(estate.sources).filter((name) => !without.includes(name)),
    without,
    ...(host && { host }),
    slices,
    reason,
    rules,
  };
}
