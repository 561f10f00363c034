import { z } from "zod";
import { type Fault, nearest, show } from "./fault.ts";

type Path = (string | number)[];
type SchemaNode = z.core.JSONSchema.BaseSchema;

/** Every fault of `value` against a schema, told with the descriptions of the schema; `at` goes before each path. */
export function schemaFaults(schema: z.ZodType, value: unknown, at: Path = []): Fault[] {
  const parsed = schema.safeParse(value);
  if (parsed.success) return [];
  const root = describeSchema(schema);
  return parsed.error.issues
    .flatMap((issue) => flatten(issue))
    .flatMap((issue) => toFaults(issue, root, value, at));
}

/** The JSON schema of what an author writes. */
function describeSchema(schema: z.ZodType): SchemaNode {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as SchemaNode;
}

/** Of a union only the alternative that the author meant is told: the one that got furthest into the value. */
function flatten(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const deep = issue.errors.find((issues) =>
    issues.every((inner) => inner.path.length > 0 || inner.code === "unrecognized_keys"),
  );
  if (deep === undefined || deep.length === 0) return [issue];
  return deep.flatMap((inner) => flatten({ ...inner, path: [...issue.path, ...inner.path] }));
}

function toFaults(issue: z.core.$ZodIssue, root: SchemaNode, value: unknown, at: Path): Fault[] {
  const inner = issue.path.map((step) => (typeof step === "number" ? step : String(step)));
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(key, inner, root, at));
  if (issue.code === "invalid_key") return [wrongName(String(inner.at(-1)), inner, root, at)];
  const node = nodeAt(root, inner);
  const got = valueAt(value, inner);
  const expected = node?.description ?? expectedOf(issue, node);
  const name = [...at, ...inner].join(".");
  return [
    {
      path: [...at, ...inner],
      got: show(got, inner),
      expected,
      remedy: `${got === undefined ? "Add" : "Correct"} ${name || "the file"}${exampleOf(node, inner.at(-1))}.`,
    },
  ];
}

/** What a schema without a description expects, in words of an author. */
function expectedOf(issue: z.core.$ZodIssue, node: SchemaNode | undefined): string {
  const known = knownKeys(node);
  if (issue.code === "invalid_type" && issue.expected === "object" && known.length > 0)
    return `keys and values: ${known.join(", ")}`;
  return issue.message
    .replace(/^Invalid input: expected (.+), received .+$/, "$1")
    .replace(/^Invalid discriminator value\. Expected (.+)$/, "one of $1");
}

function exampleOf(node: SchemaNode | undefined, key: string | number | undefined): string {
  const example = node?.examples?.[0];
  if (example === undefined) return "";
  return typeof key === "number" ? `, e.g. ${write(example)}` : `, e.g. ${String(key)}: ${write(example)}`;
}

/** As YAML writes it on one line. */
function write(example: unknown): string {
  if (example === null || typeof example !== "object") return String(example);
  const pairs = Object.entries(example).map(([key, value]) => `${key}: ${String(value)}`);
  return `{ ${pairs.join(", ")} }`;
}

/** A name that the author chose, where its letters are not those that names are made of. */
function wrongName(name: string, inner: Path, root: SchemaNode, at: Path): Fault {
  const names = nodeAt(root, inner.slice(0, -1))?.propertyNames;
  const { pattern, description, examples } = typeof names === "object" ? names : {};
  const meant = name.toLowerCase().replaceAll(/[^a-z0-9-]+/g, "-");
  const fits = pattern !== undefined && new RegExp(pattern).test(meant);
  return {
    path: [...at, ...inner],
    got: `the name ${show(name)}`,
    expected: description ?? "a name of another form",
    remedy: fits
      ? `Write ${meant} instead of ${name}.`
      : `Give it such a name, e.g. ${String(examples?.[0])}.`,
  };
}

function unknownKey(key: string, inner: Path, root: SchemaNode, at: Path): Fault {
  const known = knownKeys(nodeAt(root, inner));
  const meant = nearest(key, known);
  const path = [...inner, key];
  return {
    path: [...at, ...path],
    // Without its value: it may be a secret under a name that nobody thought of.
    got: `the unknown key ${key}`,
    expected: `one of ${known.join(", ")}`,
    remedy: meant === undefined ? `Remove ${key}.` : `Did you mean ${meant}?`,
  };
}

function knownKeys(node: SchemaNode | undefined): string[] {
  if (node === undefined) return [];
  return [...new Set([...Object.keys(node.properties ?? {}), ...alternatives(node).flatMap(knownKeys)])];
}

function alternatives(node: SchemaNode): SchemaNode[] {
  return [...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.allOf ?? [])] as SchemaNode[];
}

function nodeAt(node: SchemaNode, path: Path): SchemaNode | undefined {
  const [step, ...rest] = path;
  if (step === undefined) return node;
  const below =
    node.properties?.[step] ?? (typeof step === "number" ? node.items : node.additionalProperties);
  if (below !== null && typeof below === "object" && !Array.isArray(below))
    return nodeAt(below as SchemaNode, rest);
  for (const alternative of alternatives(node)) {
    const found = nodeAt(alternative, path);
    if (found) return found;
  }
  return undefined;
}

function valueAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const step of path) {
    if (current === null || typeof current !== "object") return undefined;
    current = (current as Record<string | number, unknown>)[step];
  }
  return current;
}
