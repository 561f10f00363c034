import { z } from "zod";
import { completeInputSchema } from "../lambda/engine/model/complete-recovery.ts";
import { drillInputSchema } from "../lambda/engine/model/drill-choice.ts";
import type { RefusedError } from "../lambda/engine/model/errors.ts";
import { inputRefusal } from "../lambda/engine/model/input-faults.ts";
import { recoverInputSchema } from "../lambda/engine/model/recovery.ts";
import { dumpScopeSchema } from "../lambda/engine/model/scope.ts";
import { thawInputSchema } from "../lambda/engine/model/thaw.ts";

/** What may be said of a machine's input, in the words of the command line. */
export interface InputOptions {
  readonly input?: string;
  readonly cadence?: string;
  readonly slot?: string;
  readonly source?: readonly string[];
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly query?: string;
  readonly users?: boolean;
  readonly rename?: readonly string[];
  /** `true`: beside, under a mark that is made of the time. */
  readonly beside?: string | true;
  readonly mode?: string;
  readonly backup?: string;
  readonly set?: string;
  readonly moment?: string;
  readonly target?: string;
  readonly guard?: string;
  readonly safetyBackup?: string;
  readonly space?: string;
  readonly resume?: string;
  readonly reason?: string;
  readonly run?: string;
  readonly decision?: string;
  readonly tier?: string;
  readonly days?: number;
  readonly recovery?: string;
  readonly about?: string;
  readonly acknowledge?: string;
  readonly by?: string;
  readonly notAfter?: string;
  readonly without?: readonly string[];
  readonly slices?: string;
  /** `[user@]address[:port]`, together with `newHostKey`. */
  readonly newHost?: string;
  readonly newHostKey?: string;
}
type Name = Exclude<keyof InputOptions, "input">;

const SELECTION = ["include", "exclude", "users"] as const;
const NEW_HOST = ["newHost", "newHostKey"] as const;
const COMPLETE = ["mode", "set", "notAfter", "without", "slices", "space", "resume", "reason"] as const;
const COMES_BACK = [...COMPLETE, ...NEW_HOST, "safetyBackup"] as const;
const TAKES: Readonly<Record<string, readonly Name[]>> = {
  backup: ["cadence", "slot", "source", ...SELECTION, "query"],
  recover: [
    ...["mode", "source", "backup", "moment", "resume", "reason"],
    ...[...SELECTION, ...NEW_HOST, "rename", "beside", "target", "guard", "safetyBackup", "space"],
  ] as Name[],
  "complete-disaster-recovery": COMES_BACK,
  "region-loss": COMES_BACK,
  "disaster-drill": COMPLETE,
  drill: ["source", "backup", "set"],
  "pre-deploy-backup": ["source"],
  approve: ["run", "decision", "reason", ...NEW_HOST],
  "thaw-archive": ["mode", "source", "backup", "tier", "days", "recovery"],
  "local-tier": [],
  "verify-archive": [],
  escalate: ["about", "acknowledge", "by"],
};

/** Of `backup`: what only its scope can be wrong in; the machine judges the rest. */
const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  backup: z.looseObject({ scope: dumpScopeSchema.optional() }),
  recover: recoverInputSchema,
  "complete-disaster-recovery": completeInputSchema,
  "region-loss": completeInputSchema,
  "disaster-drill": completeInputSchema,
  drill: drillInputSchema,
  "thaw-archive": thawInputSchema,
};

/**
 * The input of the machine: the JSON as it is, or made of the options. Throws `RefusedError` INPUT_INVALID, one text
 * that lists every fault; nothing was started then.
 */
export function makeInput(machine: string, options: InputOptions, now: Date): Record<string, unknown> {
  const said = (Object.keys(options) as (keyof InputOptions)[]).filter(
    (name): name is Name => name !== "input" && options[name] !== undefined && name in FLAGS,
  );
  if (options.input !== undefined) {
    if (said.length > 0)
      throw refuse(["got --input together with other inputs; put everything into --input"]);
    return parseInput(options.input);
  }
  const takes = TAKES[machine] ?? said;
  const strange = said
    .filter((name) => !takes.includes(name))
    .map((name) => `${FLAGS[name]} is no input of ${machine}`);
  const { input, faults } = makers[machine]?.(options) ?? otherInput(options, now);
  const parsed = SCHEMAS[machine]?.safeParse(input);
  // An option that is no input of the machine is told by its own name already.
  const issues = parsed?.error?.issues.filter(
    ({ code }) => strange.length === 0 || code !== "unrecognized_keys",
  );
  const wrong = issues?.map(({ path, message }) => `${path.join(".")}: ${message}`) ?? [];
  const all = [...strange, ...faults, ...wrong];
  if (all.length > 0) throw refuse(all);
  return input;
}

interface Made {
  readonly input: Record<string, unknown>;
  readonly faults: readonly string[];
}

const makers: Readonly<Record<string, (options: InputOptions) => Made>> = {
  backup: backupInput,
  escalate: escalateInput,
  "pre-deploy-backup": ({ source }) => ({ input: defined({ sources: source }), faults: [] }),
};

function escalateInput({ about, acknowledge, by }: InputOptions): Made {
  const calls = about !== undefined && acknowledge === undefined && by === undefined;
  const answers = about === undefined && acknowledge !== undefined && by !== undefined;
  return {
    input: defined({ about, acknowledge, by }),
    faults:
      calls || answers
        ? []
        : ["expected --about to call people, or --acknowledge and --by to take a call over"],
  };
}

function backupInput({ cadence = "manual", slot, source, query, ...options }: InputOptions): Made {
  const scope = { ...selectionOf(options), query };
  return { input: defined({ cadence, slot, sources: source, scope: unlessEmpty(scope) }), faults: [] };
}

function otherInput(options: InputOptions, now: Date): Made {
  const { mode, moment, target, guard, safetyBackup, space, resume, reason, decision } = options;
  const { tier, days, recovery, notAfter, without, slices } = options;
  const newHost = newHostOf(options);
  const { source = [], backup, set, run, rename, beside } = options;
  const rules = rename?.map(parseRename);
  const scope = {
    ...selectionOf(options),
    rename: rules?.every((rule) => rule !== undefined) ? rules : undefined,
    beside: beside === true ? now.toISOString().replace(/[-:]|\.\d+Z$/g, "") : beside,
  };
  const asked = { mode, source: source[0], backupId: backup, setId: set, moment, scope: unlessEmpty(scope) };
  const said = {
    target,
    guard,
    safetyBackup,
    space,
    resume,
    reason,
    runId: run,
    decision,
    tier,
    days,
    recovery,
    notAfter,
    without,
    slices,
    host: newHost.host,
  };
  return {
    input: defined({ ...asked, ...said }),
    faults: [
      ...(source.length > 1 ? [`--source: got ${source.length}, one is taken; start it once for each`] : []),
      ...newHost.faults,
      ...(rules?.includes(undefined) ? ["--rename: expected <from>=<to>, such as 'erp.*=erp_copy.*'"] : []),
    ],
  };
}

/** The machine that takes the host's place; without its key nothing is sent to it. */
function newHostOf({ newHost, newHostKey: hostKey }: InputOptions): {
  readonly host?: object;
  readonly faults: readonly string[];
} {
  if (newHost === undefined && hostKey === undefined) return { faults: [] };
  const [, user, address, port] =
    /^(?:([^@]+)@)?([^:@]+|\[[^\]]+\])(?::(\d{1,5}))?$/.exec(newHost ?? "") ?? [];
  if (address === undefined || hostKey === undefined)
    return {
      faults: [
        "--new-host and --new-host-key: expected both, such as backup@203.0.113.7:22 and 'ssh-ed25519 AAAA…'",
      ],
    };
  const bare = address.replace(/^\[|\]$/g, "");
  return {
    host: defined({ address: bare, user, port: port === undefined ? undefined : Number(port), hostKey }),
    faults: [],
  };
}

function selectionOf({ include, exclude, users }: InputOptions) {
  return { include, exclude, users: users === undefined ? undefined : users ? "include" : "exclude" };
}

/** At the first `=`; a name with that character is renamed by `--input`. */
function parseRename(text: string): { from: string; to: string } | undefined {
  const at = text.indexOf("=");
  return at <= 0 || at === text.length - 1 ? undefined : { from: text.slice(0, at), to: text.slice(at + 1) };
}

function unlessEmpty(scope: object): object | undefined {
  const fields = defined(scope);
  return Object.keys(fields).length === 0 ? undefined : fields;
}

function defined(record: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

function parseInput(text: string): Record<string, unknown> {
  const wrong = (got: string) =>
    refuse([`--input is not a JSON object: got ${got}; write e.g. --input '{"mode":"plan"}'`]);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrong((error as Error).message);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw wrong(JSON.stringify(value));
  return value as Record<string, unknown>;
}

function refuse(faults: readonly string[]): RefusedError {
  return inputRefusal(faults, {
    subject: "The input",
    unchanged: "nothing was started",
    advice: "See backup-estate run --help.",
  });
}

const FLAGS: Readonly<Record<Name, string>> = {
  cadence: "--cadence",
  slot: "--slot",
  source: "--source",
  include: "--include",
  exclude: "--exclude",
  query: "--query",
  users: "--users",
  rename: "--rename",
  beside: "--beside",
  mode: "--mode",
  backup: "--backup",
  set: "--set",
  moment: "--moment",
  target: "--target",
  guard: "--guard",
  safetyBackup: "--safety-backup",
  space: "--space",
  resume: "--resume",
  reason: "--reason",
  run: "--run",
  decision: "--decision",
  tier: "--tier",
  days: "--days",
  recovery: "--recovery",
  about: "--about",
  acknowledge: "--acknowledge",
  by: "--by",
  notAfter: "--not-after",
  without: "--without",
  slices: "--slices",
  newHost: "--new-host",
  newHostKey: "--new-host-key",
};
