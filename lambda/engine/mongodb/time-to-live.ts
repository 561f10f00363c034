import { findElement, makeDocument, makeElement, readNumber, TYPE } from "./bson.ts";

const FIELD = "expireAfterSeconds";
/** Servers since 5.0.14 and 6.0.2 take NaN for it: practically never. */
const NEVER_SECONDS = 2_147_483_647;

/**
 * An index's definition with the time to live that a server of today takes it for. Old ones kept whatever number they
 * were given: NaN, which is refused today, and fractions, which are cut.
 */
export function withWholeTimeToLive(index: Buffer): Buffer {
  const element = findElement(index, FIELD);
  if (element?.type !== TYPE.double && element?.type !== TYPE.int64) return index;
  const seconds = readNumber(index, FIELD) ?? Number.NaN;
  const value = Buffer.alloc(4);
  value.writeInt32LE(Number.isNaN(seconds) || seconds > NEVER_SECONDS ? NEVER_SECONDS : Math.max(0, seconds));
  const whole = makeElement(TYPE.int32, FIELD, value);
  return makeDocument([index.subarray(4, element.start), whole, index.subarray(element.end, -1)]);
}
