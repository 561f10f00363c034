import type { NamespaceFingerprint } from "../model/fingerprint.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import type { ExportRequest } from "./config.ts";
import type { RecordJudge } from "./rules.ts";

/** What was asked for, and how it may be sent back; no secret is in it. */
export const REQUESTS_ITEM = "export/requests.json";

type Format = ExportRequest["format"];

/** A record a line: JSON records as NDJSON, rows of CSV behind their header. */
export function itemOf(name: string, format: Format): string {
  return `export/${name}.${format === "csv" ? "csv" : "ndjson"}`;
}

/** The content type of what is stored, source: IANA for `text/csv`, the NDJSON specification for the other. */
function contentTypeOf(format: Format): string {
  return format === "csv" ? "text/csv" : "application/x-ndjson";
}

export function fingerprintExport(
  { format }: Pick<ExportRequest, "format">,
  judge: RecordJudge,
  content: ContentHash,
): NamespaceFingerprint {
  return {
    kind: format === "csv" ? "rows" : "records",
    count: judge.count,
    bytes: content.bytes,
    contentHash: content.digest(),
    options: { contentType: contentTypeOf(format), columns: [...judge.columns] },
    indexes: [],
  };
}
