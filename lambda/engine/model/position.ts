import type { Position } from "./manifest.ts";

const MS = 1000;
const ISO_WITH_ZONE = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;
const LOG = /^(\d{1,10}):(\d{1,10})$/;

/** A moment of a source's log: a second of the epoch, and the count of the entries within it. */
export interface LogTime {
  readonly seconds: number;
  readonly ordinal: number;
}

/** `<seconds>:<ordinal>`, or undefined when the text is nothing of the kind. */
function parseLogTime(text: string | undefined): LogTime | undefined {
  const [, seconds, ordinal] = LOG.exec(text ?? "") ?? [];
  if (seconds === undefined || ordinal === undefined) return undefined;
  return { seconds: Number(seconds), ordinal: Number(ordinal) };
}

/** Where a position lies in its source's log; undefined for a source that keeps none. */
export function logTimeOf({ log }: Position): LogTime | undefined {
  return parseLogTime(log);
}

export function formatLogTime({ seconds, ordinal }: LogTime): string {
  return `${seconds}:${ordinal}`;
}

export function positionOf(time: LogTime): Position {
  return { at: new Date(time.seconds * MS).toISOString(), log: formatLogTime(time) };
}

/** Below 0 when `left` comes first. */
export function compareLogTimes(left: LogTime, right: LogTime): number {
  return left.seconds - right.seconds || left.ordinal - right.ordinal;
}

/** A moment that an operator named. `exact`: by its entry, which nobody knows by heart; a time is a guess. */
export interface NamedMoment {
  readonly at: LogTime;
  readonly exact: boolean;
}

/**
 * The moment that an operator names: `<seconds>:<ordinal>` includes that very entry; an ISO time includes all that
 * was written before its second began, because a log tells seconds and not their parts. Undefined for other texts,
 * also for a time that does not tell its zone: whose clock was meant would be guessed.
 */
export function parseMoment(text: string): NamedMoment | undefined {
  const time = parseLogTime(text);
  if (time !== undefined) return { at: time, exact: true };
  const ms = ISO_WITH_ZONE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : { at: { seconds: Math.floor(ms / MS), ordinal: 0 }, exact: false };
}

/** The last moment before an entry: a recovery to it holds all that came before, and not the entry. */
export function justBefore({ seconds, ordinal }: LogTime): LogTime {
  return { seconds, ordinal: Math.max(0, ordinal - 1) };
}
