import type { z } from "zod";
import { CADENCES, type Cadence } from "../../model/cadence.ts";
import { RefusedError } from "../../model/errors.ts";
import type { Estate } from "../../model/estate.ts";
import { makeId } from "../../model/ids.ts";
import type { SafetyBackupAnswer, safetyBackupRequestSchema } from "../../model/recovery.ts";
import { backupRefSchema } from "../../model/requests.ts";
import { type DumpScope, holdsUsers, selectorOf } from "../../model/scope.ts";
import type { SourceFacts } from "../../sources/source.ts";
import { requireClaim } from "../claims.ts";
import { dump } from "../dump.ts";
import { openSource } from "../open-source.ts";
import { trackProgress } from "../progress.ts";
import { runIdOf, type Services } from "../services.ts";
import { placeNameOf, servicesOn } from "./run-host.ts";
import { type DoneRecord, mayHaveOverwritten, readDone, writeDone } from "./run-state.ts";
import { readWork } from "./run-work.ts";
import { safetyScopeOf, withoutIdle } from "./safety-scope.ts";

type Request = z.infer<typeof safetyBackupRequestSchema>;

/**
 * Backs up what a recovery is about to overwrite, as a manual backup marked `safety`, under the claim that the recovery
 * holds. Nothing is made of a target that holds nothing. Repeatable. A run that is resumed after its restore began keeps
 * the one that it has, so that a half-restored source never takes the place of what was there before; one that is resumed
 * before makes another: the app was started again, and may have written.
 */
export async function makeSafetyBackup(
  request: Request,
  services: Services,
  signal: AbortSignal,
): Promise<SafetyBackupAnswer> {
  const { plan, execution } = request;
  const { runId, source } = plan;
  const { placement, run: decided } = await readWork({ plan }, services, signal);
  const target = placeNameOf(placement.target, decided.purpose);
  const run = { runId, target, executionArn: execution.executionArn };
  const done = await readSafetyDone(run, services, signal);
  if (done) return done.answer as SafetyBackupAnswer;
  await requireClaim(placeNameOf(source, decided.purpose), execution.executionArn, services, signal);
  const onHost = await servicesOn(decided, services, signal);
  const startedAt = services.clock.now().toISOString();
  const scope = await findScope(request, services, signal);
  const { empty, namespaces } = await ask(source, onHost, signal);
  // A pattern may mean what lies below a name, such as a prefix of a bucket: then what is written to says it.
  const isMeant = (name: string) =>
    placement.part?.isTarget(name) === true || (scope !== undefined && selectorOf(scope)(name));
  const isEmpty = scope && namespaces && !holdsUsers(scope) ? !namespaces.some(isMeant) : empty;
  const answer = isEmpty
    ? ({ outcome: "empty" } as const)
    : await dumpForSafety(request, { scope, namespaces }, startedAt, onHost, signal);
  const endedAt = services.clock.now().toISOString();
  const record = { state: "done", executionArn: execution.executionArn, startedAt, endedAt } as const;
  await writeDone(runId, "safety-backup", { ...record, answer: { ...answer } }, services, signal);
  services.log.info("A recovery set aside what it overwrites", { runId, ...answer });
  return answer;
}

/** The record of the safety backup, where it still holds what a restore by this execution would overwrite. */
export async function readSafetyDone(
  {
    runId,
    target,
    executionArn,
  }: { readonly runId: string; readonly target: string; readonly executionArn: string },
  services: Services,
  signal: AbortSignal,
): Promise<DoneRecord | undefined> {
  const done = await readDone(runId, "safety-backup", services, signal);
  if (done === undefined || done.executionArn === executionArn) return done;
  return (await mayHaveOverwritten(runId, target, services, signal)) ? done : undefined;
}

/** The backup that a run made before it overwrote anything. */
export function safetyBackupOf(done: DoneRecord | undefined) {
  const answer = done?.answer;
  if (answer === null || typeof answer !== "object" || Array.isArray(answer)) return undefined;
  return backupRefSchema.safeParse(answer?.backup).data;
}

/** What the run may overwrite; undefined for everything. */
async function findScope(
  { plan }: Request,
  services: Services,
  signal: AbortSignal,
): Promise<DumpScope | undefined> {
  const { manifest, run, placement } = await readWork({ plan }, services, signal);
  const written = [...(placement.part?.targets.values() ?? [])];
  return safetyScopeOf(manifest.scope, run.scope, written);
}

async function ask(source: string, services: Services, signal: AbortSignal): Promise<SourceFacts> {
  using progress = trackProgress(`look at ${source}`, services.log);
  await using opened = await openSource(source, "read", services, progress, signal);
  return await opened.session.probe();
}

async function dumpForSafety(
  { plan, execution }: Request,
  { scope, namespaces = [] }: { scope: DumpScope | undefined } & Pick<SourceFacts, "namespaces">,
  startedAt: string,
  services: Services,
  signal: AbortSignal,
): Promise<SafetyBackupAnswer> {
  const { runId, source } = plan;
  const run = {
    // A run that is resumed may need a second one.
    runId: runIdOf(execution.executionArn),
    executionArn: execution.executionArn,
    setId: makeId(services.clock, services.random),
    slot: startedAt,
    cadence: safetyCadence(services.estate),
    startedAt,
    trigger: `recovery ${runId}`,
    ...(scope && { scope: withoutIdle(scope, namespaces) }),
  };
  const work = { job: "dump", run, source, drillDue: false, purpose: "safety" } as const;
  // Its manifest keeps the patterns that fit nothing now: an undo drops what the recovery made for them.
  const request = { ...work, ...(scope && { scope }) };
  const { backup, seconds } = await dump(request, services, signal);
  return { outcome: "sealed", backup, seconds };
}

/** Manual, or in an estate without manual backups the highest cadence that it has. */
function safetyCadence({ name, cadences }: Estate): Cadence {
  const found = CADENCES.toReversed().find((cadence) => cadence !== "slice" && cadences[cadence]);
  if (found) return found;
  throw new RefusedError(
    "INPUT_INVALID",
    `The estate ${name} has no cadence of full backups, so that no safety backup can be made. Add one, or start with "safetyBackup":"skip".`,
  );
}
