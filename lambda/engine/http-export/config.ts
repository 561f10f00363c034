import { z } from "zod";

const port = z.int().min(1).max(65535);
const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/);
/** Below the base address: an absolute address could name another host. */
const path = z.string().regex(/^\/(?!\/)[^\s#]*$/);
/** Names of fields from the top of an answer, with dots: `data.items`. */
const fieldPath = z.string().regex(/^[^.\s]+(\.[^.\s]+)*$/);
const parameter = z.string().regex(/^[A-Za-z0-9_.~[\]-]+$/);

const authSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("bearer"), bearerSecret: z.string().min(1) }),
  z.strictObject({ type: z.literal("basic"), user: z.string().min(1), passwordSecret: z.string().min(1) }),
  z.strictObject({
    type: z.literal("header"),
    header: z.string().regex(/^[A-Za-z0-9-]+$/),
    valueSecret: z.string().min(1),
  }),
]);

const pagingSchema = z.discriminatedUnion("by", [
  /** The answer's header `Link: <…>; rel="next"` (RFC 8288). */
  z.strictObject({ by: z.literal("link-header") }),
  /** A field that holds the address of the next page, or nothing. */
  z.strictObject({ by: z.literal("next-field"), field: fieldPath }),
  /** A field whose value is sent back as a parameter, until it is empty. */
  z.strictObject({ by: z.literal("cursor"), field: fieldPath, parameter }),
  /** Numbers, until a page has no records. */
  z.strictObject({ by: z.literal("number"), parameter, first: z.int().min(0).default(1) }),
]);
export type Paging = z.infer<typeof pagingSchema>;

/** What must be true of an export before a backup is made of it. */
const rulesSchema = z.strictObject({
  atLeast: z.int().min(0).default(1),
  atMost: z.int().min(1).optional(),
  /** Fields that every record has, with their JSON type; of CSV the columns, always text. */
  fields: z.record(z.string(), z.enum(["string", "number", "boolean", "object", "array", "any"])).default({}),
});
export type Rules = z.infer<typeof rulesSchema>;

/** How records are sent back: one request for so many of them. */
const reimportSchema = z.strictObject({
  method: z.enum(["POST", "PUT", "PATCH"]).default("POST"),
  path,
  /** `array`: a JSON array; `ndjson`: a line each; `csv`: the header line, then the rows. */
  body: z.enum(["array", "ndjson", "csv"]),
  recordsPerRequest: z.int().min(1).max(10_000).default(100),
  /** What takes all records away; without it only an application without records is restored into. */
  clear: z.strictObject({ method: z.enum(["DELETE", "POST"]).default("DELETE"), path }).optional(),
});
export type Reimport = z.infer<typeof reimportSchema>;

const requestSchema = z
  .strictObject({
    path,
    format: z.enum(["json", "ndjson", "csv"]),
    /** Where the list of records stands in a JSON answer; left out, the answer itself is the list. */
    records: fieldPath.optional(),
    paging: pagingSchema.optional(),
    rules: rulesSchema.prefault({}),
    reimport: reimportSchema.optional(),
  })
  .refine(({ format, records }) => format === "json" || records === undefined, {
    path: ["records"],
    message: "only a JSON answer has its records in a field",
  })
  .refine(({ format, paging }) => format === "json" || paging?.by !== "cursor", {
    path: ["paging"],
    message: "a cursor is a field of a JSON answer",
  })
  .refine(({ format, paging }) => format === "json" || paging?.by !== "next-field", {
    path: ["paging"],
    message: "a next field is a field of a JSON answer",
  })
  .refine(
    ({ format, reimport }) => reimport === undefined || (format === "csv") === (reimport.body === "csv"),
    {
      path: ["reimport", "body"],
      message: "rows of CSV go back as csv, records of JSON as array or ndjson",
    },
  );
export type ExportRequest = z.infer<typeof requestSchema>;

/** Exports of an application by its own API: addresses, login by a secret, paging, rules. */
export const httpExportConfigSchema = z.strictObject({
  /** As seen from the host, or from the worker where `via` is `direct`. */
  baseUrl: z.url({ protocol: /^https?$/ }),
  via: z.enum(["ssh", "direct"]).default("ssh"),
  /** Where another address than that of `baseUrl` must be called, such as a port of the host's loopback. */
  connect: z.strictObject({ host: z.string().min(1), port }).optional(),
  /** Certificate authorities in PEM, where the system's do not know the server's. */
  ca: z.string().startsWith("-----BEGIN CERTIFICATE-----").optional(),
  auth: authSchema.optional(),
  requests: z.record(name, requestSchema).refine((all) => Object.keys(all).length > 0, {
    message: "at least one request",
  }),
});
export type HttpExportConfig = z.infer<typeof httpExportConfigSchema>;
