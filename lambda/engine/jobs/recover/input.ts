import type { z } from "zod";
import { RefusedError } from "../../model/errors.ts";
import type { Estate } from "../../model/estate.ts";
import { type NamedMoment, parseMoment } from "../../model/position.ts";
import { recoverInputSchema } from "../../model/requests.ts";

export type RecoverInput =
  | {
      readonly way: "new";
      readonly source: string;
      readonly backupId?: string;
      readonly moment?: NamedMoment;
      readonly mode: Mode;
      readonly reason: string;
      readonly rules: Rules;
    }
  | { readonly way: "resume"; readonly runId: string; readonly mode: Mode; readonly rules: Rules };
type Authored = z.infer<typeof recoverInputSchema>;
type Mode = Authored["mode"];

/** What the operator says to the guards; a resumed run may say more, but takes nothing back. */
export type Rules = Pick<Authored, "safetyBackup" | "space">;

const NO_REASON = "not given";

/** What the operator asked for. Throws `RefusedError` INPUT_INVALID, one text that lists every fault. */
export function parseRecoverInput(raw: unknown, estate: Estate): RecoverInput {
  const parsed = recoverInputSchema.safeParse(raw ?? {});
  const faults =
    parsed.error?.issues.map(({ path, message }) => `${path.join(".") || "input"}: ${message}`) ?? [];
  const {
    source,
    backupId,
    moment: named,
    resume,
    mode,
    reason,
    ...others
  } = parsed.data ?? looseFields(raw);
  const sources = Object.keys(estate.sources);
  if (source !== undefined && !sources.includes(source))
    faults.push(`source: got ${JSON.stringify(source)}, expected one of ${sources.join(", ")}`);
  if (resume !== undefined && (source !== undefined || backupId !== undefined || named !== undefined))
    faults.push(
      "resume: a resumed run keeps its source and backup, leave `source`, `backupId` and `moment` out",
    );
  const moment = named === undefined ? undefined : parseMoment(named);
  if (named !== undefined && moment === undefined)
    faults.push(
      `moment: got ${JSON.stringify(named)}, expected a time with its zone, such as 2026-11-24T01:59:59Z or 2026-11-24T03:59:59+02:00, or <seconds>:<ordinal> of the oplog`,
    );
  const chosen = source ?? (sources.length === 1 ? sources[0] : undefined);
  if (chosen === undefined && resume === undefined)
    faults.push(`source: nothing was named, and the estate has several: ${sources.join(", ")}; name one`);
  if (faults.length > 0) throw refuse(faults);
  const rules = pickRules(others);
  if (resume !== undefined) return { way: "resume", runId: resume, mode: mode ?? "plan", rules };
  return {
    way: "new",
    source: chosen ?? "",
    ...(backupId !== undefined && { backupId }),
    ...(moment !== undefined && { moment }),
    mode: mode ?? "plan",
    reason: reason ?? NO_REASON,
    rules,
  };
}

function pickRules({ safetyBackup, space }: Rules): Rules {
  return { ...(safetyBackup && { safetyBackup }), ...(space && { space }) };
}

/** The fields that can still be judged when others are wrong, so that all faults come at once. */
function looseFields(raw: unknown): Partial<z.infer<typeof recoverInputSchema>> {
  if (raw === null || typeof raw !== "object") return {};
  const { source, resume, moment } = raw as Record<string, unknown>;
  return {
    ...(typeof moment === "string" && { moment }),
    ...(typeof source === "string" && { source }),
    ...(typeof resume === "string" && { resume }),
  };
}

function refuse(faults: readonly string[]): RefusedError {
  return new RefusedError(
    "INPUT_INVALID",
    `The input of recover has ${faults.length} ${faults.length === 1 ? "fault" : "faults"}; nothing was changed.\n${faults
      .map((fault) => `- ${fault}`)
      .join("\n")}\nCorrect the input and start again; {} plans the newest verified backup.`,
    { facts: { faults } },
  );
}
