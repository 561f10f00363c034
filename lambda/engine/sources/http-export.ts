import { type HttpExportConfig, httpExportConfigSchema } from "../http-export/config.ts";
import { HttpExportSession } from "../http-export/session.ts";
import { loadContentHash } from "../stream/content-hash.ts";
import type { Context, Session, Source } from "./source.ts";

/** Exports of an application by its own API, for data that is in no database of the estate. */
export const httpExport: Source<HttpExportConfig> = {
  kind: "http-export",
  description: {
    title: "Exports of an application by its own API",
    covers: [
      "JSON, NDJSON and CSV, in pages; every record as it was written, in the order of the answer",
      "rules of count and fields: an export that breaks one is no backup",
      "re-import by a request template",
    ],
    leavesOut: [
      "one moment: an API is no snapshot, and pages that change while they are read may come half old, half new",
      "a drill: there is no second application to restore into; records are judged by the rules as they are read",
    ],
  },
  config: httpExportConfigSchema,
  needs: { compute: "lambda", stage: "application", keepsLog: false, drill: "none" },
  open,
  drillConfig: () => {
    throw new Error("exports have no drill server");
  },
};

async function open(config: HttpExportConfig, context: Context): Promise<Session> {
  const base = new URL(config.baseUrl);
  const port = Number(base.port) || (base.protocol === "https:" ? 443 : 80);
  const target = config.connect ?? { host: base.hostname, port };
  const login = await loginOf(config, context);
  const newContent = await loadContentHash();
  const reached = await context.host.reach({ via: config.via, ...target });
  return new HttpExportSession(
    {
      place: {
        base,
        reached,
        login,
        signal: context.signal,
        ...(config.ca !== undefined && { ca: config.ca }),
      },
      requests: config.requests,
      clock: context.clock,
      newContent,
      progress: (event) => context.progress(event),
    },
    async () => reached[Symbol.asyncDispose](),
  );
}

async function loginOf({ auth }: HttpExportConfig, context: Context): Promise<Record<string, string>> {
  if (auth === undefined) return {};
  if (auth.type === "bearer") return { authorization: `Bearer ${await context.secret(auth.bearerSecret)}` };
  if (auth.type === "header") return { [auth.header]: await context.secret(auth.valueSecret) };
  const pair = `${auth.user}:${await context.secret(auth.passwordSecret)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}
