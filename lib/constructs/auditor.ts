import { Duration } from "aws-cdk-lib";
import { Schedule, ScheduleExpression, ScheduleTargetInput } from "aws-cdk-lib/aws-scheduler";
import { LambdaInvoke } from "aws-cdk-lib/aws-scheduler-targets";
import type { ITopic } from "aws-cdk-lib/aws-sns";
import { Construct } from "constructs";
import { ARCHIVE_LOOK_LIMIT_SECONDS, longTermCadences } from "../../lambda/engine/model/archive-look.ts";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { freshnessLimitSeconds, localTierLimitSeconds } from "../../lambda/engine/model/freshness.ts";
import { toSchedulerExpression } from "../../lambda/engine/model/schedule.ts";
import { sources } from "../../lambda/engine/sources/registry.ts";
import { EXPIRY_DAYS, ExpiryAlarm } from "./expiry-alarm.ts";
import {
  ArchiveLookAlarm,
  AUDIT_MINUTES,
  AuditAlarm,
  FreshnessAlarm,
  LocalTierAlarm,
  TrendAlarm,
} from "./freshness-alarm.ts";
import { attachGrants } from "./grant.ts";
import { LambdaWorker } from "./lambda-worker.ts";
import { addScheduleGroup } from "./schedule-group.ts";
import type { EstateStores } from "./stores.ts";
import { WorkerIdentity } from "./worker-identity.ts";

export interface AuditorProps {
  readonly estate: Estate;
  readonly stores: EstateStores;
  readonly handlersFolder: string;
  readonly topic: ITopic;
}

/**
 * Looks into the vault every ten minutes and raises an alert when a source has no verified backup that is young
 * enough, also when nothing at all happened: the alarms take missing numbers for a breach.
 */
export class Auditor extends Construct {
  constructor(scope: Construct, id: string, { estate, stores, handlersFolder, topic }: AuditorProps) {
    super(scope, id);
    const { role } = new WorkerIdentity(this, "Identity", { role: "auditor", estate, stores });
    const worker = new LambdaWorker(this, "Function", {
      entry: "auditor",
      size: "medium",
      estate,
      stores,
      role,
      handlersFolder,
    });
    // The next look comes soon; one that is late or repeated says nothing new.
    worker.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(AUDIT_MINUTES) });
    addSchedule(this, estate, worker);
    new AuditAlarm(this, "Silent", { estateName: estate.name, topic });
    const objectiveSeconds = estate.objectives.rtoSeconds;
    new TrendAlarm(this, "SlowDrills", { estateName: estate.name, objectiveSeconds, topic });
    addExpiryAlarms(this, estate, topic);
    if (longTermCadences(estate).length > 0)
      new ArchiveLookAlarm(this, "ArchiveNotSeen", {
        ...{ estateName: estate.name, topic },
        limitSeconds: ARCHIVE_LOOK_LIMIT_SECONDS,
      });
    const limitSeconds = freshnessLimitSeconds(estate);
    if (limitSeconds === undefined) return;
    for (const source of Object.keys(estate.sources))
      new FreshnessAlarm(this, `Stale-${source}`, { estateName: estate.name, source, limitSeconds, topic });
    addLocalTierAlarms(this, estate, topic);
  }
}

/** Of sources of which the host keeps copies. */
function addLocalTierAlarms(scope: Construct, estate: Estate, topic: ITopic): void {
  const limitSeconds = localTierLimitSeconds(estate);
  if (limitSeconds === undefined) return;
  for (const [source, { kind }] of Object.entries(estate.sources))
    if (sources[kind]?.externalFile !== undefined)
      new LocalTierAlarm(scope, `StaleCopy-${source}`, {
        estateName: estate.name,
        source,
        limitSeconds,
        topic,
      });
}

/** Of sources whose backups hold what ends by itself. */
function addExpiryAlarms(scope: Construct, { name, sources: configured }: Estate, topic: ITopic): void {
  for (const [source, { kind }] of Object.entries(configured)) {
    if (sources[kind]?.validUntil === undefined) continue;
    for (const days of EXPIRY_DAYS)
      new ExpiryAlarm(scope, `Expires-${source}-${days}`, { estateName: name, source, days, topic });
  }
}

function addSchedule(scope: Construct, estate: Estate, worker: LambdaWorker): void {
  const { group, role } = addScheduleGroup(scope, {
    groupName: `${estate.name}-watch`,
    roleId: "ScheduleRole",
    description: "The schedule calls the auditor with it",
  });
  attachGrants(scope, "ScheduleGrants", role, [
    { actions: ["lambda:InvokeFunction"], resources: [worker.functionArn], why: "Calls the auditor." },
  ]);
  const { expression } = toSchedulerExpression({ everyMinutes: AUDIT_MINUTES }, "UTC");
  new Schedule(scope, "Schedule", {
    scheduleName: `${estate.name}-audit`,
    description: `Judges the freshness of ${estate.name}`,
    scheduleGroup: group,
    schedule: ScheduleExpression.expression(expression),
    target: new LambdaInvoke(worker, {
      role: role.withoutPolicyUpdates(),
      input: ScheduleTargetInput.fromObject({ job: "audit" }),
      retryAttempts: 0,
    }),
  });
}
