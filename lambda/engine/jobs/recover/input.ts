import type { z } from "zod";
import type { Estate } from "../../model/estate.ts";
import { describeIssues, inputRefusal } from "../../model/input-faults.ts";
import { type NamedMoment, parseMoment } from "../../model/position.ts";
import { recoverInputSchema } from "../../model/recovery.ts";

type Authored = z.infer<typeof recoverInputSchema>;
type Mode = Authored["mode"];

/** What the operator says to the guards; a resumed run may say more, but takes nothing back. */
export type Rules = Pick<Authored, "safetyBackup" | "space">;

/** What is restored, and to where. */
type Asked = Pick<Authored, "scope" | "target" | "guard" | "host">;

export type RecoverInput =
  | {
      readonly way: "new";
      readonly source: string;
      readonly backupId?: string;
      readonly moment?: NamedMoment;
      readonly mode: Mode;
      readonly reason: string;
      readonly asked: Asked;
      readonly rules: Rules;
    }
  | { readonly way: "resume"; readonly runId: string; readonly mode: Mode; readonly rules: Rules };

const NO_REASON = "not given";
const REFUSAL = {
  subject: "The input of recover",
  unchanged: "nothing was changed",
  advice: "Correct the input and start again; {} plans the newest verified backup.",
};
/** A resumed run keeps them all. */
const KEPT = ["source", "backupId", "moment", "scope", "target", "guard", "host"] as const;

/** What the operator asked for. Throws `RefusedError` INPUT_INVALID, one text that lists every fault. */
export function parseRecoverInput(raw: unknown, estate: Estate): RecoverInput {
  const parsed = recoverInputSchema.safeParse(raw ?? {});
  const said = parsed.data ?? looseFields(raw);
  const { backupId, resume, mode = "plan", reason = NO_REASON } = said;
  const sources = Object.keys(estate.sources);
  const source = said.source ?? (sources.length === 1 ? sources[0] : undefined);
  const moment = said.moment === undefined ? undefined : parseMoment(said.moment);
  const faults = [
    ...describeIssues(parsed.error),
    ...findSourceFaults(said, source, sources),
    ...findResumeFaults(said),
    ...(said.moment !== undefined && moment === undefined ? [describeMomentFault(said.moment)] : []),
    ...findTargetFaults(said, source, estate),
  ];
  if (faults.length > 0) throw inputRefusal(faults, REFUSAL);
  const rules = pick(said, ["safetyBackup", "space"]);
  if (resume !== undefined) return { way: "resume", runId: resume, mode, rules };
  return {
    way: "new",
    source: source ?? "",
    ...(backupId !== undefined && { backupId }),
    ...(moment !== undefined && { moment }),
    mode,
    reason,
    asked: pick(said, ["scope", "target", "guard", "host"]),
    rules,
  };
}

function findSourceFaults(
  { source, resume }: Partial<Authored>,
  chosen: string | undefined,
  sources: readonly string[],
): string[] {
  if (source !== undefined && !sources.includes(source))
    return [`source: got ${JSON.stringify(source)}, expected one of ${sources.join(", ")}`];
  if (chosen !== undefined || resume !== undefined) return [];
  const example = JSON.stringify({ source: sources[0] });
  return [
    `source: nothing was named, and the estate has several: ${sources.join(", ")}; name one, such as ${example}`,
  ];
}

function findResumeFaults(said: Partial<Authored>): string[] {
  if (said.resume === undefined || KEPT.every((field) => said[field] === undefined)) return [];
  const kept = KEPT.map((field) => `\`${field}\``).join(", ");
  return [`resume: a resumed run keeps its source and backup, leave ${kept} out`];
}

/** Nothing is ever backed up on a target, so that nothing there is overwritten unless somebody says it twice. */
function findTargetFaults(
  { target, guard, safetyBackup, scope }: Partial<Authored>,
  source: string | undefined,
  { sources, targets = {} }: Estate,
): string[] {
  const beside =
    scope?.beside !== undefined && guard === "replace"
      ? ["guard: what is restored beside the live data replaces nothing, leave it out"]
      : [];
  if (target === undefined) return beside;
  const kind = source === undefined ? undefined : sources[source]?.kind;
  const fitting = Object.keys(targets).filter((name) => kind === undefined || targets[name]?.kind === kind);
  const unknown = fitting.includes(target)
    ? []
    : [
        `target: got ${JSON.stringify(target)}, expected one of the \`targets\` of estate.yaml for ${source ?? "the source"}: ${fitting.join(", ") || "there are none"}`,
      ];
  const unsafe =
    guard === "replace" && safetyBackup !== "skip"
      ? ['safetyBackup: nothing is backed up on a target; to replace what it holds, say "skip"']
      : [];
  return [...beside, ...unknown, ...unsafe];
}

function describeMomentFault(moment: string): string {
  return `moment: got ${JSON.stringify(moment)}, expected a time with its zone, such as 2026-11-24T01:59:59Z or 2026-11-24T03:59:59+02:00, or <seconds>:<ordinal> of the oplog`;
}

/** The fields that can still be judged when others are wrong, so that all faults come at once. */
function looseFields(raw: unknown): Partial<Authored> {
  if (raw === null || typeof raw !== "object") return {};
  const { source, resume, moment, target, guard, safetyBackup } = raw as Record<string, unknown>;
  const texts = { source, resume, moment, target };
  return {
    ...Object.fromEntries(Object.entries(texts).filter(([, value]) => typeof value === "string")),
    ...(guard === "replace" && { guard }),
    ...(safetyBackup === "skip" && { safetyBackup }),
  };
}

function pick<Field extends keyof Authored>(
  said: Partial<Authored>,
  fields: readonly Field[],
): Pick<Partial<Authored>, Field> {
  const present = fields.flatMap((field) => (said[field] === undefined ? [] : [[field, said[field]]]));
  return Object.fromEntries(present) as Pick<Partial<Authored>, Field>;
}
