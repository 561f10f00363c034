import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { directHost } from "../../../lambda/engine/host/direct-host.ts";
import { httpExport } from "../../../lambda/engine/sources/http-export.ts";
import type { Session } from "../../../lambda/engine/sources/source.ts";
import { readDump } from "../../contract/sources/sessions.ts";
import { type AdminApi, startAdminApi } from "../../support/admin-api.ts";

const TOKEN = "a-t0ken-that-must-not-be-seen";
let api: AdminApi;
let stop: AbortController;

beforeEach(async () => {
  stop = new AbortController();
  api = await startAdminApi(TOKEN);
  api.tables.set(
    "customers",
    Array.from({ length: 120 }, (_, id) => `{"id":${id},"name":"n${id}"}`),
  );
});
afterEach(async () => api[Symbol.asyncDispose]());

function open(request: object = {}, place: object = {}): Promise<Session> {
  const customers = { path: "/customers", format: "json", records: "data.items", ...request };
  const config = httpExport.config.parse({
    baseUrl: api.baseUrl,
    via: "direct",
    auth: { type: "bearer", bearerSecret: "token" },
    requests: { customers },
    ...place,
  });
  const context = {
    signal: stop.signal,
    clock: { now: () => new Date("2026-11-26T08:00:00Z") },
    random: { bytes: (length: number) => new Uint8Array(length) },
    host: directHost(),
    secret: async () => TOKEN,
    progress: () => {},
  };
  return httpExport.open(config, context, "write");
}

async function dump(request: object = {}, place: object = {}): Promise<string[]> {
  await using session = await open(request, place);
  const items = await readDump(session.dump({ proof: "as-read" }));
  return (items.get("export/customers.ndjson") ?? Buffer.alloc(0)).toString().trimEnd().split("\n");
}

async function failureOf(work: Promise<unknown>): Promise<{ name: string; code: string; message: string }> {
  const error = await work.then(
    () => expect.unreachable("it should have failed"),
    (reason: unknown) => reason,
  );
  expect(JSON.stringify([error, String(error)])).not.toContain(TOKEN);
  return error as { name: string; code: string; message: string };
}

describe("an export in pages", () => {
  it.each([
    ["a field with the next address", { by: "next-field", field: "next" }],
    ["a cursor", { by: "cursor", field: "cursor", parameter: "from" }],
    ["a header Link", { by: "link-header" }],
  ])("is read to its end by %s", async (_, paging) => {
    const records = await dump({ paging });
    expect(records).toEqual(api.tables.get("customers"));
    expect(api.seen).toHaveLength(3);
  });

  it("is read by numbers until a page is empty", async () => {
    api.intercept = (request, response) => {
      const page = Number(new URL(request.url ?? "", api.baseUrl).searchParams.get("page"));
      const items = page < 3 ? [{ id: page }] : [];
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify({ data: { items } }));
      return true;
    };
    expect(await dump({ paging: { by: "number", parameter: "page" } })).toEqual(['{"id":1}', '{"id":2}']);
  });

  it("of CSV has the header of each page once, and is refused where a page begins with something else", async () => {
    const pages = new Map([["1", "id,name\n1,a\n"]]);
    api.intercept = (request, response) => {
      const page = new URL(request.url ?? "", api.baseUrl).searchParams.get("page") ?? "";
      response.writeHead(200, { "content-type": "text/csv" }).end(pages.get(page) ?? "");
      return true;
    };
    const read = async () => {
      const request = { format: "csv", records: undefined, paging: { by: "number", parameter: "page" } };
      await using session = await open(request);
      const items = await readDump(session.dump({ proof: "as-read" }));
      return items.get("export/customers.csv")?.toString();
    };
    pages.set("2", "id,name\n2,b\n");
    expect(await read()).toBe("id,name\n1,a\n2,b\n");
    for (const other of ["2,b\n3,c\n", "name,id\nb,2\n"]) {
      pages.set("2", other);
      expect(await failureOf(read()), other).toMatchObject({ name: "SourceError", code: "UNHEALTHY" });
    }
  });

  it("is refused when its pages lead in a circle", async () => {
    api.intercept = (_, response) => {
      const body = { next: "/admin/customers?from=1", data: { items: [{ id: 1 }] } };
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
      return true;
    };
    const error = await failureOf(dump({ paging: { by: "next-field", field: "next" } }));
    expect(error).toMatchObject({ name: "SourceError", code: "UNHEALTHY" });
  });

  it("is refused when the next page lies on another host", async () => {
    api.intercept = (_, response) => {
      const body = { next: "http://elsewhere.example/x", data: { items: [{ id: 1 }] } };
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
      return true;
    };
    const error = await failureOf(dump({ paging: { by: "next-field", field: "next" } }));
    expect(error).toMatchObject({ code: "UNSUPPORTED" });
    expect(error.message).toContain("http://elsewhere.example");
  });
});

describe("an answer that is no export", () => {
  it("of 401 says that the login is wrong", async () => {
    api.token = "another";
    expect(await failureOf(dump())).toMatchObject({ name: "SourceError", code: "AUTH_FAILED" });
  });

  it("of 429 is asked for again after the pause that it names", async () => {
    let refusals = 2;
    api.intercept = (_, response) => {
      if (refusals-- <= 0) return false;
      response.writeHead(429, { "retry-after": "0" }).end();
      return true;
    };
    expect(await dump({ paging: { by: "link-header" } })).toHaveLength(120);
    expect(api.seen).toHaveLength(5);
  });

  it("of 429 is given up when the pause is longer than a run has time for", async () => {
    api.intercept = (_, response) => {
      response.writeHead(429, { "retry-after": "3600" }).end();
      return true;
    };
    expect(await failureOf(dump())).toMatchObject({ code: "TIMED_OUT" });
    expect(api.seen).toHaveLength(1);
  });

  it("of 429 without end is given up after six attempts", async () => {
    api.intercept = (_, response) => {
      response.writeHead(429, { "retry-after": "0" }).end("slow down");
      return true;
    };
    expect(await failureOf(dump())).toMatchObject({ code: "COMMAND_FAILED" });
    expect(api.seen).toHaveLength(6);
  });

  it("that redirects to another host is refused, and the login does not go there", async () => {
    await using other = await startAdminApi(TOKEN);
    api.intercept = (_, response) => {
      response.writeHead(302, { location: `${other.baseUrl}/customers` }).end();
      return true;
    };
    expect(await failureOf(dump())).toMatchObject({ code: "UNSUPPORTED" });
    expect(other.seen).toEqual([]);
  });

  it("that redirects on the same host is followed", async () => {
    api.intercept = (request, response) => {
      if (request.url !== "/admin/old") return false;
      response.writeHead(301, { location: "/admin/customers" }).end();
      return true;
    };
    expect(await dump({ path: "/old" })).toHaveLength(50);
  });

  it.each([
    ["JSON", "json", "application/json", '{"data":{"items":[{"id":1}'],
    ["NDJSON", "ndjson", "application/x-ndjson", '{"id":1}\n{"id":2}\n'],
  ])("in %s that is cut before its end is no backup", async (_, format, type, begun) => {
    api.intercept = (_request, response) => {
      response.writeHead(200, { "content-type": type, "content-length": String(begun.length + 10) });
      response.write(begun);
      setTimeout(() => response.destroy(), 50);
      return true;
    };
    const request = format === "json" ? {} : { format, records: undefined };
    expect(await failureOf(dump(request))).toMatchObject({ name: "SourceError", code: "CONNECTION_LOST" });
  });

  it.each([
    ["by its type", "text/html"],
    ["under the type of JSON", "application/json"],
  ])("but a page of HTML, %s, is refused", async (_, type) => {
    api.intercept = (_request, response) => {
      response.writeHead(200, { "content-type": type }).end("<!doctype html><p>Log in</p>");
      return true;
    };
    expect(await failureOf(dump())).toMatchObject({ name: "SourceError", code: "UNHEALTHY" });
  });

  it("ends with the run when that is stopped", async () => {
    api.intercept = () => {
      stop.abort();
      return true;
    };
    expect(await failureOf(dump())).toMatchObject({ name: "Cancelled" });
  });
});

describe("the rules of an export", () => {
  it.each([
    ["too few records", { atLeast: 51 }],
    ["too many records", { atMost: 49 }],
    ["a field that is missing", { fields: { email: "string" } }],
    ["a field of another type", { fields: { id: "string" } }],
  ])("refuse %s", async (_, rules) => {
    expect(await failureOf(dump({ rules }))).toMatchObject({ name: "SourceError", code: "UNHEALTHY" });
  });

  it("accept what they allow", async () => {
    const rules = { atLeast: 50, atMost: 50, fields: { id: "number", name: "string" } };
    expect(await dump({ rules })).toHaveLength(50);
  });

  it("do not stand in the way of setting aside what a recovery is about to replace", async () => {
    await using session = await open({ rules: { atLeast: 1_000, fields: { email: "string" } } });
    const items = await readDump(session.dump({ proof: "as-read", purpose: "safety" }));
    expect(items.get("export/customers.ndjson")?.length).toBeGreaterThan(0);
  });

  it("refuse rows of CSV that have not the cells of their header, and a quote that is never closed", async () => {
    for (const body of ["id,name\n1\n", 'id,name\n1,"open\n']) {
      api.intercept = (_, response) => {
        response.writeHead(200, { "content-type": "text/csv" }).end(body);
        return true;
      };
      const error = await failureOf(dump({ format: "csv", records: undefined }));
      expect(error, body).toMatchObject({ code: "UNHEALTHY" });
    }
  });
});

describe("sending an export back", () => {
  it("is refused before anything is sent where no template says how", async () => {
    await using session = await open();
    const restoring = session.restore({ items: [], manifest: {} as never, guard: "replace" });
    expect(await failureOf(restoring)).toMatchObject({ name: "RefusedError", code: "INPUT_INVALID" });
    expect(api.seen).toEqual([]);
  });

  it("is refused onto an application with records that no template clears", async () => {
    await using session = await open({ reimport: { path: "/customers", body: "array" } });
    const item = { name: "export/customers.ndjson", plainBytes: 0, open: async function* () {} };
    const restoring = session.restore({ items: [item], manifest: {} as never, guard: "replace" });
    expect(await failureOf(restoring)).toMatchObject({ name: "RefusedError", code: "TARGET_NOT_EMPTY" });
    expect(api.seen.filter((line) => !line.startsWith("GET"))).toEqual([]);
  });
});

describe("an application with records of its own", () => {
  const clear = { path: "/customers", body: "array", clear: { path: "/customers" } };
  const stored = Buffer.from('{"id":1,"name":"a"}\n');

  it.each([
    ["is cut", stored.subarray(0, -1), stored.length, {}],
    ["breaks the rules of now", stored, stored.length, { fields: { email: "string" } }],
  ])("keeps them where the stored export %s", async (_, bytes, plainBytes, fields) => {
    await using session = await open({ reimport: clear, rules: { ...fields } });
    const item = {
      name: "export/customers.ndjson",
      plainBytes,
      open: async function* () {
        yield bytes;
      },
    };
    const beforeChange = vi.fn();
    const request = { items: [item], manifest: {} as never, guard: "replace" as const, beforeChange };
    await failureOf(session.restore(request));
    expect(beforeChange).not.toHaveBeenCalled();
    expect(api.tables.get("customers")).toHaveLength(120);
  });
});

describe("the configuration of exports", () => {
  it.each([
    ["an absolute address as path", { path: "http://elsewhere.example/" }],
    ["a path of another host", { path: "//elsewhere.example/" }],
    ["a cursor in CSV", { format: "csv", paging: { by: "cursor", field: "a", parameter: "b" } }],
    ["a field of records in NDJSON", { format: "ndjson", records: "items" }],
    ["rows of CSV that go back as JSON", { format: "csv", reimport: { path: "/x", body: "array" } }],
  ])("refuses %s", (_, request) => {
    const config = {
      baseUrl: "https://erp.example.com",
      requests: { a: { path: "/a", format: "json", ...request } },
    };
    expect(httpExport.config.safeParse(config).success).toBe(false);
  });
});
