import { SourceError } from "../model/errors.ts";
import type { Bytes } from "../stream/stage.ts";

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x22;
/** A single record beyond that is no record. */
const ROW_BYTES_LIMIT = 16 * 1024 * 1024;

export type RowFormat = "ndjson" | "csv";

/**
 * Rows of a stream, each without the end of its line; empty ones are left out. In CSV a line feed between quotes
 * belongs to the row (RFC 4180). Throws `SourceError` UNHEALTHY for a row above 16 MiB or a quote left open.
 */
export async function* splitRows(source: Bytes, format: RowFormat, what: string): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  let scanned = 0;
  let quoted = false;
  for await (const chunk of source) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let at = scanned; at < rest.length; at++) {
      const byte = rest[at];
      if (format === "csv" && byte === QUOTE) quoted = !quoted;
      if (byte !== LINE_FEED || quoted) continue;
      const row = withoutReturn(rest.subarray(start, at));
      start = at + 1;
      if (row.length > 0) yield row;
    }
    rest = rest.subarray(start);
    scanned = rest.length;
    if (rest.length > ROW_BYTES_LIMIT) throw tooLong(what);
  }
  if (quoted) throw openQuote(what);
  const last = withoutReturn(rest);
  if (last.length > 0) yield last;
}

/** The cells of one row of CSV, unquoted. */
export function cellsOf(row: Buffer): string[] {
  const text = row.toString("utf8");
  const cells: string[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^,]*))(,|$)/y;
  for (let match = cell.exec(text); match !== null; match = cell.exec(text)) {
    cells.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    if (match[3] === "") break;
  }
  return cells;
}

function withoutReturn(row: Buffer): Buffer {
  return row.at(-1) === CARRIAGE_RETURN ? row.subarray(0, -1) : row;
}

function tooLong(what: string): SourceError {
  return new SourceError(
    "UNHEALTHY",
    `${what} has a row of more than ${ROW_BYTES_LIMIT} bytes. It is not the format that the configuration names; correct \`format\`.`,
  );
}

function openQuote(what: string): SourceError {
  return new SourceError(
    "UNHEALTHY",
    `${what} ends inside of a quoted cell: it was cut, or is no CSV. Run again; if it stays so, look at the answer.`,
  );
}
