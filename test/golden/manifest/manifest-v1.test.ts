import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { encodeManifest, parseManifest } from "../../../lambda/engine/model/manifest.ts";
import {
  drillRecordSchema,
  encodeRecord,
  parseRecord,
  recoveryRecordSchema,
  setRecordSchema,
  verificationRecordSchema,
} from "../../../lambda/engine/model/records.ts";

// These bytes lie in vaults. They are never regenerated: a change that needs that breaks every stored backup.
const FOLDER = join(import.meta.dirname, "v1");
const MANIFESTS = ["empty-hourly.json", "full-daily.json", "part-manual.json", "part-with-notes.json", "safety-manual.json", "slice.json"];
const RECORDS = {
  "drill-different.json": drillRecordSchema,
  "recovery.json": recoveryRecordSchema,
  "recovery-with-safety.json": recoveryRecordSchema,
  "set-incomplete.json": setRecordSchema,
  "verification.json": verificationRecordSchema,
} as const;

const read = (name: string) => readFileSync(join(FOLDER, name));

describe("format 1, as it was written on 2026-11-23", () => {
  it("has a reader for every fixture", () => {
    expect(readdirSync(FOLDER).sort()).toEqual([...MANIFESTS, ...Object.keys(RECORDS)].sort());
  });

  it.each(MANIFESTS)("the manifest %s parses and is written again byte for byte", (name) => {
    const manifest = parseManifest(read(name), name);
    expect(manifest.formatVersion).toBe(1);
    expect(Buffer.from(encodeManifest(manifest)).toString()).toBe(read(name).toString());
  });

  it.each(Object.entries(RECORDS))("the record %s parses and is written again byte for byte", (name, schema) => {
    const record = parseRecord(schema, read(name), name);
    expect(Buffer.from(encodeRecord(schema as typeof verificationRecordSchema, record as never)).toString()).toBe(
      read(name).toString(),
    );
  });

  it("keeps what a restore needs", () => {
    const manifest = parseManifest(read("full-daily.json"), "full-daily.json");
    expect(manifest.artifacts.map(({ name, part, codec, versionId }) => [name, part, codec, versionId])).toEqual([
      ["dump/erp/invoices.bson", undefined, "zstd", "version-1"],
      ["dump/erp/large.bson", 1, "gzip", "version-1"],
      ["dump/prelude.json", undefined, "none", "version-1"],
    ]);
    expect(manifest.to).toEqual({ at: "2026-11-23T03:00:05.000Z", log: "7443210000000000001" });
    expect(Object.keys(manifest.fingerprint)).toEqual(["erp.by_customer", "erp.invoices", "erp.العملاء"]);
  });
});
