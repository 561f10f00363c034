import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const PAGE_RECORDS = 50;

/** An application with an admin API in memory: tables as JSON pages, as NDJSON and as CSV; imports; a login. */
export interface AdminApi extends AsyncDisposable {
  readonly baseUrl: string;
  /** Records by table, as the texts that it answers with. */
  readonly tables: Map<string, string[]>;
  token: string;
  /** Asked before each answer; true: it has answered by itself. */
  intercept?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** `METHOD /path?query` of every request. */
  readonly seen: string[];
}

export async function startAdminApi(token: string): Promise<AdminApi> {
  const api = { tables: new Map<string, string[]>(), token, seen: [] as string[] };
  const made = { ...api } as AdminApi & { baseUrl: string };
  const server = createServer((request, response) => {
    made.seen.push(`${request.method} ${request.url}`);
    if (made.intercept?.(request, response)) return;
    answer(made, request, response).catch((error) => response.destroy(error));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  made.baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/admin`;
  made[Symbol.asyncDispose] = () => close(server);
  return made;
}

async function close(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}

async function answer(api: AdminApi, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", api.baseUrl);
  if (request.headers.authorization !== `Bearer ${api.token}`)
    return void response.writeHead(401).end("who?");
  const [, , table = "", action = ""] = url.pathname.split("/");
  const records = api.tables.get(table) ?? [];
  if (request.method === "DELETE") api.tables.delete(table);
  if (request.method === "POST") api.tables.set(table, [...records, ...(await readRecords(request))]);
  if (request.method !== "GET") return void response.writeHead(204).end();
  if (action === "lines") return sendText(response, "application/x-ndjson", lines(records));
  if (action === "rows") return sendText(response, "text/csv; charset=utf-8", toCsv(records));
  sendPage(api, url, records, response);
}

async function readRecords(request: IncomingMessage): Promise<string[]> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  if (request.headers["content-type"] === "application/x-ndjson") return text.trimEnd().split("\n");
  if (request.headers["content-type"] === "text/csv") return fromCsv(text);
  // Split as text: parsing would lose the form of the numbers.
  return text === "[]" ? [] : text.slice(1, -1).split(/(?<=\}),(?=\{)/);
}

function sendText(response: ServerResponse, type: string, text: string): void {
  response.writeHead(200, { "content-type": type }).end(text);
}

function lines(records: readonly string[]): string {
  return records.map((record) => `${record}\n`).join("");
}

function sendPage(api: AdminApi, url: URL, records: readonly string[], response: ServerResponse): void {
  const from = Number(url.searchParams.get("from") ?? 0);
  const page = records.slice(from, from + PAGE_RECORDS);
  const next = from + PAGE_RECORDS < records.length ? from + PAGE_RECORDS : undefined;
  const link = next === undefined ? undefined : `${api.baseUrl}/${url.pathname.split("/")[2]}?from=${next}`;
  response.writeHead(200, {
    "content-type": "application/json",
    ...(link && { link: `<${link}>; rel="next"` }),
  });
  response.end(
    `{ "cursor": ${next ?? "null"}, "next": ${link ? JSON.stringify(link) : "null"},\n  "data": { "items": [ ${page.join(" ,\n")} ] } }`,
  );
}

function toCsv(records: readonly string[]): string {
  const rows = records.map((record) => JSON.parse(record) as { id: number; name: string });
  return ["id,name", ...rows.map(({ id, name }) => `${id},"${name.replaceAll('"', '""')}"`)]
    .map((row) => `${row}\r\n`)
    .join("");
}

function fromCsv(text: string): string[] {
  return [...text.matchAll(/^(\d+),"((?:[^"]|"")*)"\r?\n/gm)].map(
    ([, id, name]) => `{"id":${id},"name":${JSON.stringify(name?.replaceAll('""', '"'))}}`,
  );
}
