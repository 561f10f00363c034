/** A number as it was written: `JSON.parse` would change ids above 2^53, and forms such as `1.0`. */
export class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Exact =
  | null
  | boolean
  | string
  | ExactNumber
  | readonly Exact[]
  | { readonly [key: string]: Exact };

type Reviver = (key: string, value: unknown, context: { readonly source: string }) => unknown;

/** Throws `SyntaxError`. */
export function parseExact(text: string): Exact {
  const keepNumbers: Reviver = (_, value, { source }) =>
    typeof value === "number" ? new ExactNumber(source) : value;
  return JSON.parse(text, keepNumbers as (key: string, value: unknown) => unknown) as Exact;
}

/** One text for equal values: keys in order, no white space, numbers as they were. */
export function writeExact(value: Exact | undefined): string {
  if (value === null || value === undefined) return "null";
  if (value instanceof ExactNumber) return value.text;
  if (typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((one: Exact) => writeExact(one)).join(",")}]`;
  const members = Object.entries(value)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${writeExact(member)}`);
  return `{${members.join(",")}}`;
}
