import { ConfigError } from "../../lambda/engine/model/errors.ts";
import { redact } from "../../lambda/engine/model/redact.ts";

/** One thing that is wrong with a configuration. */
export interface Fault {
  /** From the top of the file: `["cadences", "daily", "at"]`. */
  readonly path: readonly (string | number)[];
  readonly got: string;
  readonly expected: string;
  readonly remedy: string;
}

const SHOWN_LENGTH = 80;
const SECRET_NAME = /pass(word|phrase)?$|secret$|private_?key|credential|token$|api_?key$/i;
const SUGGESTION_DISTANCE = 3;

/** A value as a fault may show it: JSON, without secrets, cut to one line. */
export function show(value: unknown, path: readonly (string | number)[] = []): string {
  if (value === undefined) return "nothing";
  if (SECRET_NAME.test(String(path.at(-1) ?? ""))) return "[redacted]";
  const shown = JSON.stringify(redact(value)) ?? String(value);
  return shown.length > SHOWN_LENGTH ? `${shown.slice(0, SHOWN_LENGTH)}…` : shown;
}

/** One error for all faults; `lineOf` tells where in the file a path is written. */
export function toConfigError(
  file: string,
  faults: readonly Fault[],
  lineOf: (path: Fault["path"]) => number | undefined,
): ConfigError {
  const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  const listed = faults.map((fault, index) => {
    const line = lineOf(fault.path);
    const where = `${fault.path.join(".") || "the file"}${line === undefined ? "" : ` (line ${line})`}`;
    return `${index + 1}. ${where}\n   got:      ${fault.got}\n   expected: ${fault.expected}\n   remedy:   ${fault.remedy}`;
  });
  return new ConfigError(
    "INVALID_CONFIG",
    `${file} has ${count}; nothing was made of it.\n${listed.join("\n")}`,
    {
      facts: { file, faults: faults.map((fault) => ({ ...fault, path: fault.path.join(".") })) },
    },
  );
}

/** The candidate that is most like `word`, or undefined when none is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((left, right) => left.distance - right.distance);
  const best = ranked[0];
  const limit = Math.min(SUGGESTION_DISTANCE, Math.ceil(word.length / 2));
  return best && best.distance <= limit ? best.candidate : undefined;
}

/** Levenshtein distance: insertions, deletions and replacements that make one word of the other. */
function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [row, letter] of [...left].entries()) {
    const current = [row + 1];
    for (const [column, other] of [...right].entries()) {
      const replaced = (previous[column] ?? 0) + (letter === other ? 0 : 1);
      current.push(Math.min(replaced, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous.at(-1) ?? 0;
}
