import { type AdminApi, startAdminApi } from "../../../support/admin-api.ts";
import type { Place, SourceWorld } from "../world.ts";

const TOKEN = "t0ken";
const RECORD_BYTES = 1_000;
const CUSTOMERS = [
  '{"id":1,"name":"شركة النور","balance":1.0}',
  '{"id":2,"name":"Nile, \\"Trading\\"\\n2","balance":12345678901234567890}',
];

/** Two applications with an admin API; what one exports is imported into the other. */
export async function startHttpExportWorld(): Promise<SourceWorld> {
  const apis = { source: await startAdminApi(TOKEN), target: await startAdminApi(TOKEN) };
  const change = (place: Place, alter: (records: string[]) => string[]) => {
    const records = apis[place].tables.get("customers") ?? [];
    apis[place].tables.set("customers", alter([...records]));
    return Promise.resolve();
  };
  return {
    configOf: (place) => configOf(apis[place]),
    secrets: { "api-token": TOKEN },
    clear: async (place) => apis[place].tables.clear(),
    fill: async (place) => {
      apis[place].tables.set("customers", [...CUSTOMERS]);
      apis[place].tables.set("tags", ['{"id":7,"name":"a,b"}']);
      apis[place].tables.set("events", ['{"at":1}', '{"at":2}']);
    },
    grow: async (place, bytes) => {
      const events = apis[place].tables.get("events") ?? [];
      const text = "x".repeat(RECORD_BYTES);
      for (let left = bytes; left > 0; left -= RECORD_BYTES)
        events.push(`{"at":${events.length},"text":"${text}"}`);
      apis[place].tables.set("events", events);
    },
    judge: async (place) =>
      JSON.stringify([...apis[place].tables].filter(([, rows]) => rows.length > 0).sort()),
    changes: {
      "one changed character": (place) =>
        change(place, (all) => all.map((one) => one.replace("Trading", "Tradinh"))),
      "a number in another form": (place) =>
        change(place, (all) => all.map((one) => one.replace("1.0", "1"))),
      "a lost record": (place) => change(place, (all) => all.slice(1)),
      "a record twice": (place) => change(place, (all) => [...all, ...all.slice(0, 1)]),
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(apis).map((api) => api[Symbol.asyncDispose]()));
    },
  };
}

function configOf(api: AdminApi) {
  const rules = { atLeast: 0 };
  const back = (table: string) => ({ path: `/${table}`, clear: { path: `/${table}` } });
  return {
    baseUrl: api.baseUrl,
    via: "direct",
    auth: { type: "bearer", bearerSecret: "api-token" },
    requests: {
      customers: {
        path: "/customers",
        format: "json",
        records: "data.items",
        paging: { by: "next-field", field: "next" },
        rules: { ...rules, fields: { id: "number", name: "string" } },
        reimport: { ...back("customers"), body: "array" },
      },
      tags: { path: "/tags/rows", format: "csv", rules, reimport: { ...back("tags"), body: "csv" } },
      events: {
        path: "/events/lines",
        format: "ndjson",
        rules,
        reimport: { ...back("events"), body: "ndjson" },
      },
    },
  };
}
