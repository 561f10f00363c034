import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

const ENTRIES = 25;
const PAGE_ENTRIES = 10;
const SECRET = "company/accounting";
const CUSTOMERS = 'id,name\n1,شركة النور\n2,"Cairo, Ltd."\n';

/** An application that gives its data by an API alone: a journal in pages of JSON, and customers as CSV. Only with a token. */
export interface Accounting {
  readonly port: number;
  readonly token: string;
  /** All that it holds, as it is. */
  read(): string;
  /** As a server that dies, with all that it held. */
  kill(): Promise<void>;
  /** On its port again, empty. */
  restart(): Promise<void>;
}

interface Books {
  entries: unknown[];
  customers: string;
}

/** Starts it on a free port of 127.0.0.1, with data. */
export async function startAccounting(): Promise<Accounting> {
  const token = randomBytes(18).toString("base64url");
  const entries = Array.from({ length: ENTRIES }, (_, id) => ({ id, note: `قيد ${id}`, amount: id / 8 }));
  const books: Books = { entries, customers: CUSTOMERS };
  const start = async (wanted: number) => {
    const server = createServer((request, response) => void serve(request, response, books, token));
    await new Promise<void>((resolve) => server.listen(wanted, "127.0.0.1", resolve));
    return server;
  };
  let server = await start(0);
  const { port } = server.address() as AddressInfo;
  return {
    ...{ port, token },
    read: () => JSON.stringify(books),
    kill: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      Object.assign(books, { entries: [], customers: "" });
    },
    restart: async () => {
      if (!server.listening) server = await start(port);
    },
  };
}

/** The source `accounting` of `estate.yaml`, and the secret that it names. */
export function accountingSourceOf({ port, token }: Pick<Accounting, "port" | "token">) {
  const reimport = (path: string, body: "array" | "csv") => ({
    reimport: { path, body, clear: { path } },
  });
  return {
    source: {
      kind: "http-export",
      baseUrl: `http://127.0.0.1:${port}`,
      auth: { type: "bearer", bearerSecret: SECRET },
      requests: {
        entries: {
          ...{ path: "/entries", format: "json", records: "data", paging: { by: "link-header" } },
          rules: { atLeast: 1, fields: { id: "number", note: "string" } },
          ...reimport("/entries", "array"),
        },
        customers: { path: "/customers", format: "csv", ...reimport("/customers", "csv") },
      },
    },
    secrets: { [SECRET]: token },
  };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  books: Books,
  token: string,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://127.0.0.1");
  if (request.headers.authorization !== `Bearer ${token}`) return void response.writeHead(401).end();
  const call = CALLS[`${request.method} ${url.pathname}`];
  if (call === undefined) return void response.writeHead(404).end();
  call({ response, books, url, body: await text(request) });
}

interface Call {
  readonly response: ServerResponse;
  readonly books: Books;
  readonly url: URL;
  readonly body: string;
}

const CALLS: Readonly<Record<string, (call: Call) => void>> = {
  "GET /entries": ({ response, books, url }) => {
    const page = Number(url.searchParams.get("page") ?? 0);
    const from = page * PAGE_ENTRIES;
    const more = from + PAGE_ENTRIES < books.entries.length;
    if (more) response.setHeader("link", `</entries?page=${page + 1}>; rel="next"`);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ data: books.entries.slice(from, from + PAGE_ENTRIES) }));
  },
  "POST /entries": ({ response, books, body }) => {
    books.entries.push(...(JSON.parse(body) as unknown[]));
    response.writeHead(201).end();
  },
  "DELETE /entries": ({ response, books }) => {
    books.entries = [];
    response.writeHead(204).end();
  },
  "GET /customers": ({ response, books }) => {
    response.setHeader("content-type", "text/csv; charset=utf-8");
    response.end(books.customers);
  },
  "POST /customers": ({ response, books, body }) => {
    books.customers += books.customers === "" ? body : body.slice(body.indexOf("\n") + 1);
    response.writeHead(201).end();
  },
  "DELETE /customers": ({ response, books }) => {
    books.customers = "";
    response.writeHead(204).end();
  },
};
