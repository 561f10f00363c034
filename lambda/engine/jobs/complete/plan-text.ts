import { nameOfHost } from "../../host/connect.ts";
import type { CompletePlan } from "../../model/complete-recovery.ts";
import { formatBytes, formatDuration } from "../../model/format.ts";
import { hostOf } from "../../model/new-host.ts";
import type { RecoveryPlan } from "../../model/recovery.ts";
import type { Services } from "../services.ts";
import type { Decided } from "./decide.ts";

/** The plan as lines for the operator. */
export function describeCompletePlan(
  plan: Omit<CompletePlan, "text">,
  plans: readonly RecoveryPlan[],
  { run, host }: Decided,
  { estate, clock }: Pick<Services, "estate" | "clock">,
): string {
  const moments = plans.map(({ recoversTo }) => Date.parse(recoversTo)).sort((left, right) => left - right);
  const [earliest = 0] = moments;
  const latest = moments.at(-1) ?? earliest;
  const title = run.purpose === "drill" ? "Disaster drill" : "Complete recovery";
  return [
    `${title} of ${plans.length} sources, run ${plan.runId}, mode ${plan.mode}`,
    `Set: ${run.setId}, every backup of it verified`,
    `Brings back: the data of ${iso(earliest)} to ${iso(latest)}, ${formatDuration((latest - earliest) / 1000)} apart`,
    `Lost: everything written since then, the last ${formatDuration((clock.now().getTime() - earliest) / 1000)}`,
    `Left out: ${run.without.join(", ") || "nothing"}`,
    `Host: ${describeHost(plan, nameOfHost(hostOf(estate, host)), host !== undefined)}`,
    ...plan.stages.flatMap(({ stage, sources }, index) => [
      `${index + 1}. ${stage}`,
      ...plans.filter(({ runId }) => sources.some((one) => one.runId === runId)).flatMap(describeSource),
    ]),
    `Expected time: ${describeTime(plan, plans)}`,
    `App: ${plan.hasApp ? APP : "none is configured"}`,
    `Approval: ${plan.approval === "required" ? "a second person has to agree before anything changes" : "not asked for"}`,
    ...(plan.doneSteps.length > 0 ? [`Done before: ${plan.doneSteps.join(", ")}`] : []),
  ].join("\n");
}

function describeHost({ takesHost }: Pick<CompletePlan, "takesHost">, name: string, isNew: boolean): string {
  if (isNew) return `${name}, in the place of the estate's own`;
  return takesHost ? `${name}, unless the approval names another one` : `${name}, the estate's own`;
}

function describeSource(plan: RecoveryPlan): string[] {
  const { source, backup, recoversTo, plainBytes, overwrites, safetyBackup, doneSteps } = plan;
  const warnings = plan.text.split("\n").filter((line) => line.startsWith("!!!"));
  const over = overwrites.length === 0 ? "nothing" : overwrites.slice(0, NAMED_LIMIT).join("; ");
  return [
    `   ${source}: ${backup.backupId} (${backup.cadence}), the data of ${recoversTo}, ${formatBytes(plainBytes)}`,
    `      overwrites ${over}; ${SAFETY[safetyBackup]}`,
    ...warnings.map((line) => `      ${line}`),
    ...(doneSteps.length > 0 ? [`      done before: ${doneSteps.join(", ")}`] : []),
  ];
}

const APP = "is stopped first where it may be running, and started when the data are back";
const NAMED_LIMIT = 3;
const SAFETY = {
  make: "what is there is backed up first",
  skip: "!!! what is there is NOT backed up first",
  "not-needed": "no backup of what is there is needed",
} as const;

/** Sources of one stage are restored side by side. */
function describeTime({ stages }: Pick<CompletePlan, "stages">, plans: readonly RecoveryPlan[]): string {
  const unknown = plans.filter(({ expectedSeconds }) => expectedSeconds === undefined);
  const seconds = stages.map(({ sources }) =>
    Math.max(
      0,
      ...plans
        .filter(({ runId }) => sources.some((one) => one.runId === runId))
        .map(({ expectedSeconds = 0 }) => expectedSeconds),
    ),
  );
  const sum = seconds.reduce((total, one) => total + one, 0);
  const without =
    unknown.length === 0 ? "" : `, without ${unknown.map(({ source }) => source).join(", ")}, never drilled`;
  return `about ${formatDuration(sum)} for the data, as the last drills took${without}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
