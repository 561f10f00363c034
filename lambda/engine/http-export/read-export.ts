import type { IncomingMessage } from "node:http";
import { SourceError, throwIfAborted } from "../model/errors.ts";
import { collect } from "../stream/limits.ts";
import type { ExportRequest, Paging } from "./config.ts";
import { sliceRecords } from "./json-records.ts";
import { type RecordJudge, readField } from "./rules.ts";
import { type Place, requireSameOrigin, send } from "./send.ts";
import { splitRows } from "./split-rows.ts";

/** A page of JSON is held in memory; larger exports come in pages, or as NDJSON. */
const PAGE_BYTES_LIMIT = 32 * 1024 * 1024;
const PAGES_LIMIT = 100_000;
const CONTENT_TYPES: Readonly<Record<ExportRequest["format"], RegExp>> = {
  json: /[/+]json\b/i,
  ndjson: /ndjson|jsonl|json-seq|[/+]json\b|octet-stream|text\/plain/i,
  csv: /csv|octet-stream|text\/plain/i,
};

interface Page {
  readonly records: AsyncIterable<Buffer> | readonly Buffer[];
  /** The answer itself, where the next page is named in it. */
  readonly document?: unknown;
  readonly answer: IncomingMessage;
}

/**
 * The records of one export, page after page, as they were written; the header of a CSV comes once. Throws
 * `SourceError` for an answer that is cut, of another format or header, or leads in a circle or to another host.
 */
export async function* readExport(
  place: Place,
  request: ExportRequest,
  judge: RecordJudge,
): AsyncGenerator<Buffer> {
  const visited = new Set<string>();
  let next: URL | undefined = firstPage(place.base, request);
  let header: Buffer | undefined;
  for (let pages = 1; next !== undefined; pages++) {
    requireNew(visited, next, pages);
    const url: URL = next;
    const page: Page = await readPage(place, request, url);
    const before = judge.count;
    let isFirst = true;
    for await (const record of page.records) {
      throwIfAborted(place.signal);
      const isHeader = request.format === "csv" && isFirst;
      isFirst = false;
      if (isHeader && header !== undefined) {
        requireSameHeader(header, record, url);
        continue;
      }
      if (isHeader) header = Buffer.from(record);
      judge.add(record);
      yield record;
    }
    requireComplete(page.answer, url);
    next = nextPage(place, request.paging, url, page, judge.count - before);
  }
  judge.finish();
}

function firstPage(base: URL, { path, paging }: ExportRequest): URL {
  const url = resolvePath(base, path);
  if (paging?.by === "number") url.searchParams.set(paging.parameter, String(paging.first));
  return url;
}

/** `path` below the base address, whose own path stays in front. */
export function resolvePath(base: URL, path: string): URL {
  return new URL(`${base.href.replace(/[/]+$/, "")}${path}`);
}

async function readPage(place: Place, request: ExportRequest, url: URL): Promise<Page> {
  const answer = await send(place, { method: "GET", url });
  requireFormat(answer, request, url);
  const what = `The answer of ${url.pathname}`;
  if (request.format !== "json")
    return { records: splitRows(whole(answer, url, place.signal), request.format, what), answer };
  const text = await collect(whole(answer, url, place.signal), PAGE_BYTES_LIMIT, what);
  const document = parse(text, url);
  return { records: sliceRecords(text, request.records?.split(".") ?? [], what), document, answer };
}

/** Errors of a body that is cut become errors of the source. */
async function* whole(answer: IncomingMessage, url: URL, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of answer) yield chunk as Uint8Array;
  } catch (error) {
    throwIfAborted(signal);
    throw cut(url, error);
  }
  requireComplete(answer, url);
}

function requireComplete(answer: IncomingMessage, url: URL): void {
  if (!answer.complete) throw cut(url, undefined);
}

function cut(url: URL, cause: unknown): SourceError {
  return new SourceError(
    "CONNECTION_LOST",
    `The answer of ${url.pathname} was cut before its end. Run again; if it stays so, look at the application's time-outs.`,
    { cause, facts: { path: url.pathname } },
  );
}

function requireFormat(answer: IncomingMessage, { format }: ExportRequest, url: URL): void {
  const type = answer.headers["content-type"] ?? "";
  const encoding = answer.headers["content-encoding"] ?? "identity";
  if (CONTENT_TYPES[format].test(type) && encoding === "identity") return;
  answer.destroy();
  throw new SourceError(
    "UNHEALTHY",
    `${url.pathname} answered with ${type || "no content type"} (${encoding}), expected ${format}. A page of HTML is often a login or an error page: look at the address and the login.`,
    { facts: { path: url.pathname, type, encoding, format } },
  );
}

function parse(text: Buffer, url: URL): unknown {
  try {
    return JSON.parse(text.toString("utf8"));
  } catch (cause) {
    throw new SourceError(
      "UNHEALTHY",
      `${url.pathname} answered with what is no JSON, beginning with ${JSON.stringify(text.toString("utf8", 0, 80))}. Look at the address and the login.`,
      { cause, facts: { path: url.pathname } },
    );
  }
}

/** What a page begins with would be lost where it is a record, and its cells be mixed up where it is another header. */
function requireSameHeader(header: Buffer, row: Buffer, url: URL): void {
  if (row.equals(header)) return;
  throw new SourceError(
    "UNHEALTHY",
    `A further page of ${url.pathname} does not begin with the header of the first, expected the same on every page. Ask for an export in one page, or for JSON.`,
    { facts: { path: url.pathname } },
  );
}

function requireNew(visited: Set<string>, url: URL, pages: number): void {
  if (pages <= PAGES_LIMIT && !visited.has(url.href)) {
    visited.add(url.href);
    return;
  }
  throw new SourceError(
    "UNHEALTHY",
    `${url.pathname} leads in a circle: page ${pages} was there before, or is above the limit of ${PAGES_LIMIT}. Look at \`paging\` in estate.yaml.`,
    { facts: { path: url.pathname, pages } },
  );
}

function nextPage(
  place: Place,
  paging: Paging | undefined,
  url: URL,
  page: Page,
  records: number,
): URL | undefined {
  if (paging === undefined) return undefined;
  if (paging.by === "number") return records === 0 ? undefined : counted(url, paging);
  const said = paging.by === "link-header" ? linkOf(page.answer) : readField(page.document, paging.field);
  if (said === undefined || said === null || said === "" || said === false) return undefined;
  if (paging.by !== "cursor")
    return requireSameOrigin(place, new URL(String(said), url), `The next page of ${url.pathname}`);
  const next = new URL(url);
  next.searchParams.set(paging.parameter, String(said));
  return next;
}

function counted(url: URL, { parameter, first }: Extract<Paging, { by: "number" }>): URL {
  const next = new URL(url);
  next.searchParams.set(parameter, String(Number(url.searchParams.get(parameter) ?? first) + 1));
  return next;
}

function linkOf(answer: IncomingMessage): string | undefined {
  const header = answer.headers.link;
  const text = Array.isArray(header) ? header.join(", ") : (header ?? "");
  return /<([^>]*)>\s*;[^<]*\brel="?next"?/i.exec(text)?.[1];
}
