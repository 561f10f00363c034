import { SourceError } from "../model/errors.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);
const WHITE = new Set([0x20, 0x09, 0x0a, 0x0d]);

/**
 * The elements of a JSON array as it was written, without white space between tokens: numbers and escapes keep their
 * form, which `JSON.parse` would lose (`1.0`, integers above 2^53). `text` must be valid JSON, the array at `path`
 * (names of fields) or the whole text. Throws `SourceError` UNHEALTHY where no array stands there.
 */
export function sliceRecords(text: Buffer, path: readonly string[], what: string): Buffer[] {
  const compact = withoutWhiteSpace(text);
  let value: Buffer | undefined = compact;
  for (const field of path) value = value === undefined ? undefined : fieldOf(value, field);
  if (value?.[0] === 0x5b) return elementsOf(value);
  throw new SourceError(
    "UNHEALTHY",
    `${what} has no list of records at ${path.join(".") || "its top"}. Look at the answer and correct \`records\`.`,
    { facts: { path: path.join(".") } },
  );
}

function withoutWhiteSpace(text: Buffer): Buffer {
  const kept = Buffer.allocUnsafe(text.length);
  let length = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at] as number;
    if (!inString && WHITE.has(byte)) continue;
    kept[length++] = byte;
    if (inString && byte === BACKSLASH) kept[length++] = text[++at] as number;
    else if (byte === QUOTE) inString = !inString;
  }
  return kept.subarray(0, length);
}

/** The members between the brackets of a compact array or object, in order. */
function elementsOf(container: Buffer): Buffer[] {
  const elements: Buffer[] = [];
  let start = 1;
  let depth = 0;
  let inString = false;
  for (let at = 1; at < container.length - 1; at++) {
    const byte = container[at] as number;
    if (inString && byte === BACKSLASH) at++;
    else if (byte === QUOTE) inString = !inString;
    else if (inString) continue;
    else if (OPENING.has(byte)) depth++;
    else if (CLOSING.has(byte)) depth--;
    else if (byte === COMMA && depth === 0) {
      elements.push(container.subarray(start, at));
      start = at + 1;
    }
  }
  if (start < container.length - 1) elements.push(container.subarray(start, container.length - 1));
  return elements;
}

/** The last member of that name, as `JSON.parse` takes it. */
function fieldOf(value: Buffer, field: string): Buffer | undefined {
  if (value[0] !== 0x7b) return undefined;
  for (const member of elementsOf(value).reverse()) {
    const end = endOfString(member);
    if (JSON.parse(member.subarray(0, end).toString()) === field) return member.subarray(end + 1);
  }
  return undefined;
}

function endOfString(text: Buffer): number {
  for (let at = 1; at < text.length; at++) {
    if (text[at] === BACKSLASH) at++;
    else if (text[at] === QUOTE) return at + 1;
  }
  return text.length;
}
