import type { z } from "zod";
import { archivedCadences } from "../../model/archive-look.ts";
import { FULL_CADENCES } from "../../model/cadence.ts";
import type { Backup } from "../../model/catalog.ts";
import { RefusedError } from "../../model/errors.ts";
import type { Estate } from "../../model/estate.ts";
import { formatBytes } from "../../model/format.ts";
import { describeIssues, inputRefusal } from "../../model/input-faults.ts";
import {
  describeHours,
  estimateThaw,
  type planThawRequestSchema,
  type ThawPlan,
  thawInputSchema,
} from "../../model/thaw.ts";
import { findBackup, findNewestVerified } from "../../vault/catalog-reader.ts";
import { runIdOf, type Services } from "../services.ts";
import { lookAtArtifacts } from "./artifacts.ts";
import { chooseSample } from "./choose-sample.ts";

type Authored = z.infer<typeof thawInputSchema>;
type Input = Authored & { readonly source: string };

/**
 * Chooses a backup and says what it takes to thaw it. Changes nothing; repeatable. Throws `RefusedError` INPUT_INVALID
 * with every fault of the input, or NO_VERIFIED_BACKUP.
 */
export async function planThaw(
  request: z.infer<typeof planThawRequestSchema>,
  services: Services,
  signal: AbortSignal,
): Promise<ThawPlan> {
  const input = parseInput(request.input, services.estate);
  const { ref, manifest } =
    input.sample === true
      ? await chooseSample(services, signal)
      : await chooseBackup(input, services, signal);
  const looked = await lookAtArtifacts(manifest.artifacts, services.vault, signal);
  const archived = looked.filter(({ availability }) => availability.state !== "readable");
  const archivedBytes = archived.reduce((sum, { artifact }) => sum + artifact.storedBytes, 0);
  const { tier, days, mode, recovery } = input;
  const plan = {
    ...{ runId: runIdOf(request.execution.executionArn), mode, recovery, backup: ref, tier, days },
    ...{ artifacts: looked.length, archived: archived.length, archivedBytes },
    estimate: estimateThaw({ objects: archived.length, bytes: archivedBytes }, { tier, days }),
  };
  return { ...plan, text: describePlan(plan) };
}

function parseInput(raw: unknown, estate: Estate): Input | (Authored & { readonly sample: true }) {
  const parsed = thawInputSchema.safeParse(raw ?? {});
  if (parsed.success && parsed.data.sample === true) return parseSample(parsed.data);
  const names = Object.keys(estate.sources);
  const said = (raw as { source?: unknown } | null)?.source;
  const source = said === undefined && names.length === 1 ? names[0] : said;
  const known = typeof source === "string" && names.includes(source);
  const faults = [
    ...describeIssues(parsed.error),
    ...(known
      ? []
      : [`source: got ${JSON.stringify(source) ?? "nothing"}, expected one of ${names.join(", ")}`]),
  ];
  if (parsed.success && known && faults.length === 0) return { ...parsed.data, source };
  throw refuseInput(faults);
}

function parseSample(said: Authored): Authored & { readonly sample: true } {
  const faults = (["source", "backupId"] as const)
    .filter((field) => said[field] !== undefined)
    .map((field) => `${field}: a sample is chosen by the calendar, leave it out`);
  if (faults.length > 0) throw refuseInput(faults);
  return { ...said, sample: true };
}

function refuseInput(faults: readonly string[]): RefusedError {
  return inputRefusal(faults, {
    subject: "The input of thaw-archive",
    unchanged: "nothing was asked of Glacier",
    advice: 'Correct the input and start again, such as {"source":"mongodb"}.',
  });
}

async function chooseBackup(
  input: Input,
  { vault, clock, estate }: Services,
  signal: AbortSignal,
): Promise<Backup> {
  const { source, backupId } = input;
  if (backupId !== undefined) {
    const named = await findBackup(vault, { source, cadences: FULL_CADENCES, backupId }, signal);
    if (named) return named;
    throw none(source, `The vault has no backup ${backupId} of ${source}.`);
  }
  const cadences = archivedCadences(estate);
  const { backup } = await findNewestVerified(vault, { source, cadences }, clock.now(), signal);
  if (backup) return backup;
  throw none(
    source,
    `No verified backup of ${source} lies in Glacier (${cadences.join(", ") || "no cadence does"}).`,
  );
}

function none(source: string, what: string): RefusedError {
  return new RefusedError(
    "NO_VERIFIED_BACKUP",
    `${what} Look at \`backup-estate list\` and name one by \`backupId\`; nothing was asked of Glacier.`,
    { facts: { source } },
  );
}

function describePlan(plan: Omit<ThawPlan, "text">): string {
  const { backup, artifacts, archived, archivedBytes, tier, days, estimate } = plan;
  return [
    `Thaw of ${backup.backupId} (${backup.cadence}) of ${backup.source}, run ${plan.runId}, mode ${plan.mode}`,
    `In Glacier: ${archived} of ${artifacts} artifacts, ${formatBytes(archivedBytes)}`,
    `Takes: ${describeHours(estimate.hours)} at the tier ${tier}`,
    `Costs: about ${estimate.dollars.toFixed(2)} US dollars: retrieval, requests, and readable copies for ${days} days`,
    `Then: ${THEN[plan.recovery]}`,
  ].join("\n");
}

const THEN = {
  plan: "a recovery is planned, which changes nothing",
  execute: "the recovery is started and carried out",
  drill: "the backup is restored in isolation and compared, which changes nothing",
} as const;
