import type { z } from "zod";
import {
  type ArchiveFinding,
  type ArchiveLookRecord,
  archiveLookRecordSchema,
  isDamage,
  judgeStored,
  LISTED_FINDINGS_LIMIT,
  longTermCadences,
  outcomeOf,
  type StoredFacts,
  type VerifyArchiveAnswer,
  type verifyArchiveRequestSchema,
} from "../../model/archive-look.ts";
import { type Cadence, cadenceSchema } from "../../model/cadence.ts";
import { RefusedError } from "../../model/errors.ts";
import { idSchema, makeId, timeOfId } from "../../model/ids.ts";
import { keys } from "../../model/keys.ts";
import type { Artifact, Manifest } from "../../model/manifest.ts";
import { encodeRecord, verificationRecordSchema } from "../../model/records.ts";
import type { BackupRef } from "../../model/requests.ts";
import { type FoundManifest, walkManifests } from "../../vault/long-term-reader.ts";
import { mapParallel } from "../parallel.ts";
import { trackProgress } from "../progress.ts";
import type { Services } from "../services.ts";

/** S3 answers each within milliseconds; more at once would only wait for connections. */
const LOOKS_AT_ONCE = 16;
/** An alert names so many findings; the record has more. */
const TOLD_FINDINGS_LIMIT = 10;
const DAY_MS = 86_400_000;

type LookServices = Pick<Services, "estate" | "vault" | "clock" | "random" | "log">;

/** What a look has seen so far. */
interface Seen {
  readonly objects: Map<string, StoredFacts | undefined>;
  readonly findings: ArchiveFinding[];
  backups: number;
}

/**
 * Looks at every artifact that a long-term manifest names, by version id, without reading or thawing it, and writes one
 * record; a backup of which bytes are missing gets a verification record `damaged` too, so that no recovery takes it.
 * Findings are the answer, no exception. May be repeated. Throws `RefusedError` in an estate without such cadences.
 */
export async function verifyArchive(
  _request: z.infer<typeof verifyArchiveRequestSchema>,
  services: LookServices,
  signal: AbortSignal,
): Promise<VerifyArchiveAnswer> {
  const startedAt = services.clock.now();
  const cadences = longTermCadences(services.estate);
  const [first] = cadences;
  if (first === undefined) throw nothingToLookAt(services);
  const seen: Seen = { objects: new Map(), findings: [], backups: 0 };
  using progress = trackProgress("look at the archive", services.log);
  for await (const found of walkManifests(services.vault, cadences, signal)) {
    progress.enter("look", found.key);
    await lookAtBackup(found, seen, services, signal);
  }
  const recordKey = await writeLook(first, seen, startedAt, services, signal);
  const { backups, objects, findings } = seen;
  const outcome = outcomeOf(findings);
  services.log.info("The archive was looked at", { outcome, backups, objects: objects.size, recordKey });
  return { outcome, backups, objects: objects.size, recordKey, summary: summarize(seen) };
}

function nothingToLookAt({ estate }: LookServices): RefusedError {
  return new RefusedError(
    "INPUT_INVALID",
    `The estate ${estate.name} makes no weekly or monthly backups, and none that go to Glacier; there is no archive to look at. Give it such a cadence in estate.yaml, and deploy.`,
  );
}

async function lookAtBackup(
  found: FoundManifest,
  seen: Seen,
  services: LookServices,
  signal: AbortSignal,
): Promise<void> {
  if ("broken" in found) {
    seen.findings.push({ kind: "manifest", key: found.key, says: found.broken });
    return;
  }
  const { manifest, ref } = found;
  // Lifecycle may have taken some of it by now, as was promised.
  if (Date.parse(manifest.expiresAt) <= services.clock.now().getTime()) return;
  seen.backups += 1;
  const lists = await mapParallel(manifest.artifacts, LOOKS_AT_ONCE, signal, (artifact, either) =>
    lookAtArtifact(artifact, seen, services, either),
  );
  const findings = lists.flat().map((finding) => ({ ...finding, backup: ref }));
  seen.findings.push(...findings);
  const damage = findings.filter(isDamage);
  if (damage.length > 0) await writeDamage(ref, manifest, damage, services, signal);
}

async function lookAtArtifact(
  artifact: Artifact,
  { objects }: Seen,
  { estate, vault, clock }: LookServices,
  signal: AbortSignal,
): Promise<ArchiveFinding[]> {
  const { key, versionId } = artifact;
  const id = `${key} ${versionId}`;
  if (!objects.has(id)) objects.set(id, await vault.look({ key, versionId }, signal));
  const place = placeOf(key, clock.now(), estate);
  const judged = judgeStored(artifact, objects.get(id), place, clock.now());
  return judged.map((finding) => ({ ...finding, key }));
}

/** `data/<cadence>/<source>/<backupId>/…`. Of a key that says neither, nothing is expected of its storage class. */
function placeOf(key: string, now: Date, { cadences }: Services["estate"]) {
  const [, inKey, , backupId] = key.split("/");
  const cadence = cadenceSchema.safeParse(inKey).data;
  const id = idSchema.safeParse(backupId).data;
  return {
    storedAt: id === undefined ? now : timeOfId(id),
    archived: cadence !== undefined && cadences[cadence]?.storage === "glacier",
  };
}

async function writeDamage(
  backup: BackupRef,
  manifest: Manifest,
  damage: readonly ArchiveFinding[],
  { vault, clock, random }: LookServices,
  signal: AbortSignal,
): Promise<void> {
  const { cadence, source, backupId } = backup;
  const record = encodeRecord(verificationRecordSchema, {
    formatVersion: 1,
    backup,
    outcome: "damaged",
    reason: `Seen without reading it: ${tell(damage)}`,
    drillDue: false,
    artifacts: manifest.artifacts.length,
    storedBytes: manifest.artifacts.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    checkedAt: clock.now().toISOString(),
    seconds: 0,
  });
  const key = keys.verification(cadence, source, backupId, makeId(clock, random));
  await vault.commit(key, record, { signal, lockedUntil: new Date(manifest.lockedUntil) });
}

async function writeLook(
  cadence: Cadence,
  seen: Seen,
  startedAt: Date,
  { estate, vault, clock, random }: LookServices,
  signal: AbortSignal,
): Promise<string> {
  const now = clock.now();
  const facts = [...seen.objects.values()].filter((one) => one !== undefined);
  const record: ArchiveLookRecord = {
    formatVersion: 1,
    outcome: outcomeOf(seen.findings),
    proves: "presence, size, lock, storage class, encryption and replication; not the bytes",
    backups: seen.backups,
    objects: seen.objects.size,
    replicated: facts.filter(({ replication }) => replication === "COMPLETED").length,
    storedBytes: facts.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    findings: seen.findings.slice(0, LISTED_FINDINGS_LIMIT),
    findingsTotal: seen.findings.length,
    startedAt: startedAt.toISOString(),
    endedAt: now.toISOString(),
  };
  const key = keys.archiveLook(cadence, makeId(clock, random));
  const lockDays = estate.cadences[cadence]?.lockDays ?? 0;
  const lockedUntil = new Date(now.getTime() + lockDays * DAY_MS);
  await vault.commit(key, encodeRecord(archiveLookRecordSchema, record), { signal, lockedUntil });
  return key;
}

function summarize({ backups, objects, findings }: Seen): string {
  const looked = `${objects.size} stored objects of ${backups} long-term backups were looked at`;
  return findings.length === 0
    ? `${looked}; all are as promised.`
    : `${looked}; ${findings.length} findings: ${tell(findings)}`;
}

function tell(findings: readonly ArchiveFinding[]): string {
  const told = findings.slice(0, TOLD_FINDINGS_LIMIT).map(({ kind, key, says }) => `${key} ${kind}: ${says}`);
  const more = findings.length - told.length;
  return [...told, ...(more > 0 ? [`and ${more} more`] : [])].join("; ");
}
