import { certificates } from "./certificates.ts";
import { config } from "./config.ts";
import { files } from "./files.ts";
import { git } from "./git.ts";
import { httpExport } from "./http-export.ts";
import { mongodb } from "./mongodb.ts";
import { n8n } from "./n8n.ts";
import { qdrant } from "./qdrant.ts";
import { redis } from "./redis.ts";
import { s3 } from "./s3.ts";
import type { Source } from "./source.ts";

/** Every kind of source. What knows a source by name is its own file and its line here. */
export const sources: Readonly<Record<string, Source>> = {
  [mongodb.kind]: mongodb as unknown as Source,
  [httpExport.kind]: httpExport as unknown as Source,
  [redis.kind]: redis as unknown as Source,
  [qdrant.kind]: qdrant as unknown as Source,
  [s3.kind]: s3 as unknown as Source,
  [files.kind]: files as unknown as Source,
  [certificates.kind]: certificates as unknown as Source,
  [config.kind]: config as unknown as Source,
  [git.kind]: git as unknown as Source,
  [n8n.kind]: n8n as unknown as Source,
};
