import type { z } from "zod";
import { longTermCadences } from "../model/archive-look.ts";
import { CADENCES } from "../model/cadence.ts";
import type { Backup } from "../model/catalog.ts";
import { type DrilledSource, expectRecoverySeconds, TREND_DRILLS } from "../model/drill-trend.ts";
import { invariant } from "../model/errors.ts";
import { AUDIT_METRICS, type Freshness, freshnessLimitSeconds, judgeFreshness } from "../model/freshness.ts";
import { idSchema, timeOfId } from "../model/ids.ts";
import { keys } from "../model/keys.ts";
import { localCopyRecordSchema } from "../model/local-tier.ts";
import type { AuditAnswer, auditRequestSchema } from "../model/requests.ts";
import { findNewestVerified } from "../vault/catalog-reader.ts";
import { isCopied } from "./local-tier/local-tier-of.ts";
import { readDrillSeconds } from "./recover/expectation.ts";
import type { Services } from "./services.ts";

/**
 * Judges the freshness of every source from the vault alone, and of its copy on the host from what is noted of that,
 * and how long ago somebody looked at long-term storage; tells each age, and last that it was there. A source without a
 * verified backup, or without a copy, sends no age: the alarm takes missing data for a breach. A source that could not be
 * read keeps none of the others from being told, but then `AuditRan` is not sent and its error is thrown. Also tells how
 * long a complete recovery takes by the drills. Repeatable.
 */
export async function audit(
  _request: z.infer<typeof auditRequestSchema>,
  services: Services,
  signal: AbortSignal,
): Promise<AuditAnswer> {
  const sources: Record<string, Freshness> = {};
  const failures: unknown[] = [];
  for (const source of Object.keys(services.estate.sources)) {
    try {
      sources[source] = await auditSource(source, services, signal);
      if (isCopied(source, services)) await auditCopy(source, services, signal);
    } catch (error) {
      services.log.error("The freshness of a source could not be judged", { source, error });
      failures.push(error);
    }
  }
  await auditArchive(services, signal);
  if (failures.length > 0) throw failures[0];
  await auditDrills(services, signal);
  await metricsOf(services).put(AUDIT_METRICS.ran, 1, ofEstate(services), signal);
  return { sources };
}

async function auditSource(source: string, services: Services, signal: AbortSignal): Promise<Freshness> {
  const now = services.clock.now();
  const query = { source, cadences: CADENCES };
  const { backup, broken } = await findNewestVerified(services.vault, query, now, signal);
  for (const error of broken)
    services.log.warn("A manifest was passed over: it is broken", { source, error });
  const newest = backup && { backupId: backup.ref.backupId, to: backup.manifest.to.at };
  const freshness = judgeFreshness(newest, freshnessLimitSeconds(services.estate), now);
  services.log.info("A source was audited", { source, ...freshness });
  if (freshness.state === "never") return freshness;
  const dimensions = { ...ofEstate(services), [AUDIT_METRICS.sourceDimension]: source };
  await metricsOf(services).put(AUDIT_METRICS.age, freshness.ageSeconds, dimensions, signal);
  const validDays = backup && validDaysOf(backup, services);
  if (validDays !== undefined)
    await metricsOf(services).put(AUDIT_METRICS.validDays, validDays, dimensions, signal);
  return freshness;
}

/** Where nothing was drilled yet, nothing is sent. */
async function auditDrills(services: Services, signal: AbortSignal): Promise<void> {
  const drilled: DrilledSource[] = [];
  for (const [source, { kind }] of Object.entries(services.estate.sources)) {
    const seconds = await readDrillSeconds(source, TREND_DRILLS, services, signal);
    drilled.push({ stage: services.sourceOf(kind).needs.stage, seconds });
  }
  const seconds = expectRecoverySeconds(drilled);
  if (seconds !== undefined)
    await metricsOf(services).put(AUDIT_METRICS.recoverySeconds, seconds, ofEstate(services), signal);
}

/** A copy that was never made sends nothing. Throws where what is noted is no record. */
async function auditCopy(source: string, services: Services, signal: AbortSignal): Promise<void> {
  const noted = await services.state.read(keys.localCopy(source), signal);
  if (noted === undefined) return services.log.warn("A source has no copy on the host", { source });
  const { backupId, to } = localCopyRecordSchema.parse(noted.value);
  const age = judgeFreshness({ backupId, to }, undefined, services.clock.now());
  if (age.state === "never") return;
  services.log.info("A copy on the host was audited", { source, ...age });
  const dimensions = { ...ofEstate(services), [AUDIT_METRICS.sourceDimension]: source };
  await metricsOf(services).put(AUDIT_METRICS.localAge, age.ageSeconds, dimensions, signal);
}

/** Since the last look at long-term storage; before the first, since there is something to look at. */
async function auditArchive(services: Services, signal: AbortSignal): Promise<void> {
  const cadences = longTermCadences(services.estate);
  const [first] = cadences;
  if (first === undefined) return;
  const looks = await idsUnder([keys.archiveLooks(first)], services, signal);
  const made = looks.length > 0 ? [] : await idsUnder(cadences.map(keys.manifestsOf), services, signal);
  const since = looks.at(-1) ?? made[0];
  const now = services.clock.now();
  const ageMs = since === undefined ? 0 : now.getTime() - timeOfId(since).getTime();
  const ageSeconds = Math.max(0, Math.floor(ageMs / 1000));
  await metricsOf(services).put(AUDIT_METRICS.archiveLookAge, ageSeconds, ofEstate(services), signal);
}

/** The ids that name the objects under some prefixes, oldest first. */
async function idsUnder(
  prefixes: readonly string[],
  { vault }: Services,
  signal: AbortSignal,
): Promise<string[]> {
  const ids: string[] = [];
  for (const prefix of prefixes)
    for await (const { key } of vault.list(prefix, signal)) {
      const id = idSchema.safeParse(
        key
          .split("/")
          .at(-1)
          ?.replace(/\.json$/, ""),
      ).data;
      if (id !== undefined) ids.push(id);
    }
  return ids.sort();
}

const DAY_MS = 86_400_000;

/** Negative once it has ended; undefined for a source whose backups do not end by themselves. */
function validDaysOf({ manifest }: Backup, services: Services): number | undefined {
  const until = services.sourceOf(manifest.kind).validUntil?.(manifest);
  return until && Math.floor((until.getTime() - services.clock.now().getTime()) / DAY_MS);
}

function ofEstate({ estate }: Services): Record<string, string> {
  return { [AUDIT_METRICS.estateDimension]: estate.name };
}

function metricsOf({ metrics }: Services) {
  invariant(metrics, "an audit was started in a worker that sends no numbers");
  return metrics;
}
