/** A pair of `\` and the character that it takes literally, a star, or a run of anything else. */
const TOKEN = /\\[*\\]|\*|[^*\\]+/gy;

/**
 * A pattern of names: `*` stands for any run of characters, none and separators included; `\*` and `\\` for the
 * character itself. Everything else is compared as it is: no case is folded and no Unicode normalised.
 */
export interface Pattern {
  /** What stands before, between and behind the stars: one more than there are stars. */
  readonly pieces: readonly string[];
}

/** Undefined for a text that is empty, or has a `\` before anything but `*` and `\`. */
export function readPattern(text: string): Pattern | undefined {
  const tokens = text.match(TOKEN) ?? [];
  if (text === "" || tokens.join("") !== text) return undefined;
  const pieces = [""];
  for (const token of tokens)
    if (token === "*") pieces.push("");
    else pieces[pieces.length - 1] += token.startsWith("\\") ? token.slice(1) : token;
  return { pieces };
}

/** The pattern of this one name. */
export function quotePattern(name: string): string {
  return name.replaceAll(/[*\\]/g, "\\$&");
}

/** Whether a pattern fits the whole name. Each piece is looked for once, so that no pattern is slow. */
export function matchesPattern({ pieces }: Pattern, name: string): boolean {
  const [first = "", ...rest] = pieces;
  const last = rest.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = name.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}

/** What the only star of a pattern stands for in a name, or "" where it has none; undefined when it does not fit. */
export function readStar(pattern: Pattern, name: string): string | undefined {
  const [before = "", after = ""] = pattern.pieces;
  return matchesPattern(pattern, name) ? name.slice(before.length, name.length - after.length) : undefined;
}

/** The name that a pattern with one star, or none, gives. */
export function fillStar({ pieces }: Pattern, part: string): string {
  return pieces.join(part);
}
