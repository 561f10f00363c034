import { createHash } from "node:crypto";

export interface Point {
  readonly id: number | string;
  vector: unknown;
  payload: Record<string, unknown>;
}
export interface Collection {
  config: { params: Record<string, unknown> } & Record<string, unknown>;
  schema: Record<string, unknown>;
  points: Map<string, Point>;
}

interface Page {
  readonly limit?: number;
  readonly offset?: Point["id"];
}

/** An answer that is no success. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const MAGIC = Buffer.from("snapshot of a stand-in\n");

export function digest(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function toSnapshot({ config, schema, points }: Collection): Buffer {
  const lines = [
    JSON.stringify({ config, schema }),
    ...[...points.values()].map((point) => JSON.stringify(point)),
  ];
  return Buffer.concat([MAGIC, Buffer.from(lines.join("\n"))]);
}

/** The collection that a snapshot holds. Throws `Refusal` as the server does. */
export function fromSnapshot(bytes: Buffer): Collection {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw new Refusal(500, "Service internal error: failed to iterate over archive");
  const [first = "{}", ...lines] = bytes.subarray(MAGIC.length).toString().split("\n");
  const { config, schema } = JSON.parse(first) as Pick<Collection, "config" | "schema">;
  const points = lines.map((line) => JSON.parse(line) as Point);
  return { config, schema, points: new Map(points.map((point) => [String(point.id), point])) };
}

/** The one file of `multipart/form-data`, which must be called `snapshot`. */
export function fileOf(body: Buffer): { readonly name: string; readonly bytes: Buffer } {
  const headEnd = body.indexOf("\r\n\r\n");
  const head = body.toString("latin1", 0, headEnd);
  const name = /name="snapshot"; filename="([^"]+)"/.exec(head)?.[1];
  if (name === undefined) throw new Refusal(400, "Field missing: snapshot");
  const boundary = body.subarray(0, body.indexOf("\r\n"));
  const end = body.lastIndexOf(Buffer.concat([Buffer.from("\r\n"), boundary]));
  return { name, bytes: body.subarray(headEnd + 4, end) };
}

/** Vectors are of 32 bits. */
export function rounded({ id, vector, payload = {} }: Point): Point {
  const round = (value: unknown): unknown => {
    if (typeof value === "number") return Math.fround(value);
    if (Array.isArray(value)) return value.map(round);
    return Object.fromEntries(Object.entries(value as object).map(([name, one]) => [name, round(one)]));
  };
  return { id, vector: round(vector), payload };
}

/** A page of ids, in their order. */
export function scroll(points: ReadonlyMap<string, Point>, { limit = 10, offset }: Page) {
  const sorted = [...points.values()].sort(byId);
  const from = offset === undefined ? 0 : sorted.findIndex((point) => byId(point, { id: offset }) >= 0);
  const page = from < 0 ? [] : sorted.slice(from, from + limit);
  const next = from < 0 ? undefined : sorted[from + limit];
  // Without payload and vector, as it is only asked for here.
  return {
    points: page.map(({ id }) => ({ id, payload: null, vector: null })),
    next_page_offset: next?.id ?? null,
  };
}

/** Numbers before UUIDs. */
function byId({ id: left }: Pick<Point, "id">, { id: right }: Pick<Point, "id">): number {
  if (typeof left === "number" && typeof right === "number") return left - right;
  if (typeof left === typeof right) return left < right ? -1 : Number(left > right);
  return typeof left === "number" ? -1 : 1;
}
