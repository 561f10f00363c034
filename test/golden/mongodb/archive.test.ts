import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { BSON, type Document } from "mongodb";
import { describe, expect, it } from "vitest";
import type { ArchiveEntry } from "../../../lambda/engine/mongodb/archive/format.ts";
import { nameOf } from "../../../lambda/engine/mongodb/names.ts";
import { collectAll, GOLDEN_DUMPS, openBytes, readContents, readGoldenFile, rewrite } from "../../support/archives.ts";

interface Expected {
  readonly type: string;
  readonly documents: number;
  readonly sha256: string;
  readonly options: Document;
  readonly indexes: readonly Document[];
}

const {
  users: _users,
  roles: _roles,
  ...expected
} = JSON.parse(readGoldenFile("expected.json").toString()) as Record<string, Expected>;

const byName = (a: Document, b: Document) => (a.name < b.name ? -1 : 1);

function definitionOf({ kind, metadata }: ArchiveEntry) {
  const { options = {}, indexes } = BSON.EJSON.parse(metadata) as Document;
  return { type: kind, options, indexes: indexes.toSorted(byName) };
}

/** As the oracle counts: SHA-256 of the hex of every document, sorted, joined by newlines. */
function judge(documents: readonly Buffer[]) {
  const lines = documents.map((document) => document.toString("hex")).sort();
  return { documents: lines.length, sha256: createHash("sha256").update(lines.join("\n")).digest("hex") };
}

describe("an archive of the official mongodump", () => {
  it.each(["all.archive", "all.archive.gz"])("holds exactly what its server held: %s", async (file) => {
    const bytes = readGoldenFile(file);
    const { entries, header } = await openBytes(bytes);
    expect(header).toMatchObject({ concurrentCollections: 4, serverVersion: "7.0.15" });
    const contents = await readContents(bytes);
    const inDatabases = entries.filter(({ namespace }) => namespace.database !== "admin");
    expect(inDatabases.map(({ namespace }) => nameOf(namespace)).sort()).toEqual(Object.keys(expected).sort());
    for (const entry of inDatabases) {
      const name = nameOf(entry.namespace);
      const { type, options, indexes, ...content } = expected[name] as Expected;
      expect(definitionOf(entry), name).toEqual({ type, options, indexes: indexes.toSorted(byName) });
      // Of a time series the archive holds buckets, which the oracle does not see.
      if (type !== "timeseries") expect(judge(contents.get(name) ?? []), name).toEqual(content);
    }
    expect(judge(contents.get("admin.system.users") ?? []).documents).toBe(1);
  });

  it("holds the same bytes as the folder that was dumped from the same server", async () => {
    const contents = await readContents(readGoldenFile("all.archive.gz"));
    const buckets = readFileSync(join(GOLDEN_DUMPS, "dir/erp/system.buckets.readings.bson"));
    expect(Buffer.concat(contents.get("erp.system.buckets.readings") ?? [])).toEqual(buckets);
  });

  it("of one collection holds that one", async () => {
    const contents = await readContents(readGoldenFile("one-collection.archive.gz"));
    expect([...contents.keys()]).toEqual(["erp.invoices"]);
    const { documents, sha256 } = expected["erp.invoices"] as Expected;
    expect(judge(contents.get("erp.invoices") ?? [])).toEqual({ documents, sha256 });
  });

  it("with an oplog holds it beside namespaces that alternate", async () => {
    const contents = await readContents(readGoldenFile("with-oplog.archive.gz"));
    const entries = (contents.get(".oplog") ?? []).map((entry) => BSON.deserialize(entry));
    expect(entries.length).toBeGreaterThan(10);
    expect(entries.every(({ ts }) => ts.t > 1_700_000_000)).toBe(true);
    expect(contents.get("chat.counters")?.length).toBeGreaterThan(100);
  });

  it.each(["all.archive", "one-collection.archive.gz", "with-oplog.archive.gz"])(
    "is written again with the same bytes: %s",
    async (file) => {
      const packed = readGoldenFile(file);
      const written = await rewrite(packed);
      const gunzip = new DecompressionStream("gzip");
      const plain = file.endsWith(".gz")
        ? await collectAll(new Blob([packed]).stream().pipeThrough(gunzip) as unknown as AsyncIterable<Uint8Array>)
        : packed;
      expect(written.equals(plain)).toBe(true);
    },
  );

  it("may be packed by zstd", async () => {
    const plain = readGoldenFile("all.archive");
    expect(await readContents(zstdCompressSync(plain))).toEqual(await readContents(plain));
  });
});
