import { dumpScopeSchema } from "../../../lambda/engine/model/scope.ts";
import { zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { mapParallel } from "../../../lambda/engine/jobs/parallel.ts";
import { compareFingerprints } from "../../../lambda/engine/model/fingerprint.ts";
import { readExternal } from "../../../lambda/engine/mongodb/import/read-external.ts";
import { escapeName } from "../../../lambda/engine/mongodb/names.ts";
import type { DumpSummary, ExternalDump, ExternalHints } from "../../../lambda/engine/sources/source.ts";
import { makeAlternatingArchive } from "../../support/alternating-archive.ts";
import { collectAll, readGoldenFile } from "../../support/archives.ts";
import { archiveFile, DUMPED_AT, folderOf, goldenDump, readGoldenFolder } from "../../support/external-dumps.ts";

const never = new AbortController().signal;
const expected = JSON.parse(readGoldenFile("expected.json").toString()) as Record<
  string,
  { type: string; documents: number }
>;

interface Read {
  readonly items: ReadonlyMap<string, Buffer>;
  readonly summary: DumpSummary;
  readonly leftOut: readonly string[];
}

async function read(dump: ExternalDump, hints: ExternalHints = {}): Promise<Read> {
  const reading = await readExternal(dump, hints, never);
  const items = new Map<string, Buffer>();
  await mapParallel(reading.items, reading.parallel, never, async ({ name, body }) => {
    expect(items.has(name), name).toBe(false);
    items.set(name, await collectAll(body));
  });
  return { items, summary: await reading.summary(), leftOut: reading.leftOut };
}

describe("every form in which mongodump wrote the same server", () => {
  it.each(["all.archive", "all.archive.gz", "dir-gzip"])("is the same as the plain folder: %s", async (name) => {
    const [folder, other] = [await read(goldenDump("dir")), await read(goldenDump(name))];
    expect(compareFingerprints(folder.summary.fingerprint, other.summary.fingerprint)).toEqual([]);
    const mask = (bytes: Buffer | undefined) => bytes?.toString("latin1");
    expect([...other.items.keys()].sort()).toEqual([...folder.items.keys()].sort());
    for (const [item, bytes] of folder.items) expect(mask(other.items.get(item)), item).toBe(mask(bytes));
  });

  it("gives the items of our own layout: the bytes of the official folder", async () => {
    const { items, leftOut } = await read(goldenDump("all.archive.gz"));
    for (const [path, bytes] of Object.entries(readGoldenFolder("dir"))) {
      const item = items.get(`dump/${path}`);
      if (path.includes("system.views")) expect(item, path).toBeUndefined();
      else expect(item?.equals(bytes), path).toBe(true);
    }
    expect(leftOut).toEqual(["admin.system.views"]);
  });

  it("gives the counts and kinds that the oracle saw, all namespaces", async () => {
    const { fingerprint, versions, to } = (await read(goldenDump("all.archive.gz"))).summary;
    const { users: _users, roles: _roles, ...namespaces } = expected;
    const compared = Object.keys(fingerprint).filter((name) => !name.startsWith("admin."));
    expect(compared.sort()).toEqual(Object.keys(namespaces).sort());
    for (const [name, { type, documents }] of Object.entries(namespaces)) {
      expect(fingerprint[name]?.kind, name).toBe(type);
      if (type !== "timeseries") expect(fingerprint[name]?.count, name).toBe(documents);
    }
    expect(versions).toMatchObject({ server: "7.0.15", major: "7", featureCompatibility: "7.0" });
    expect(to).toEqual({ at: DUMPED_AT.toISOString() });
  });

  it("may be packed file by file with zstd", async () => {
    const packed = Object.entries(readGoldenFolder("dir")).map(
      ([path, bytes]) => [`${path}.zst`, zstdCompressSync(bytes)] as const,
    );
    const [folder, other] = [await read(goldenDump("dir")), await read(folderOf(Object.fromEntries(packed)))];
    expect(other).toEqual(folder);
  });
});

describe("a dump for one database", () => {
  it("becomes a dump with the users and roles where a server has them", async () => {
    const { items, summary } = await read(goldenDump("dir-db-with-users"));
    expect(items.get("dump/admin/system.users.bson")).toEqual(
      readGoldenFolder("dir-db-with-users")["erp/$admin.system.users.bson"],
    );
    expect(summary.fingerprint["admin.system.users"]).toMatchObject({ kind: "users", count: 1 });
    expect([...items.keys()].some((name) => name.includes("$admin"))).toBe(false);
  });
});

describe("a dump of a part of a server", () => {
  it.each([
    ["dir-db-with-users", "include"],
    ["one-collection.archive.gz", "exclude"],
  ])("is never taken for the whole: %s", async (name, users) => {
    const { summary } = await read(goldenDump(name));
    const names = Object.keys(summary.fingerprint).filter((one) => !one.startsWith("admin."));
    expect(names.length).toBeGreaterThan(0);
    expect(summary.scope).toEqual({ include: names, users });
    expect(dumpScopeSchema.safeParse(summary.scope).success).toBe(true);
  });

  it.each(["dir", "dir-gzip", "all.archive", "all.archive.gz", "dir-with-oplog", "with-oplog.archive.gz"])(
    "is not %s",
    async (name) => {
      expect((await read(goldenDump(name))).summary).not.toHaveProperty("scope");
    },
  );
});

describe("a dump with an oplog", () => {
  it.each(["dir-with-oplog", "with-oplog.archive.gz"])("reaches the oplog's last entry: %s", async (name) => {
    const { items, summary } = await read(goldenDump(name));
    expect(summary.to.log).toMatch(/^179544463\d:\d+$/);
    expect(summary.to.at).toBe(new Date(Number(summary.to.log?.split(":")[0]) * 1000).toISOString());
    expect(summary.endState).toEqual({ touched: ["chat.counters", "erp.accounts"], fingerprint: {} });
    expect(items.get("dump/oplog.bson")?.length).toBeGreaterThan(1000);
  });

  it("keeps that position whatever the operator says", async () => {
    const { summary } = await read(goldenDump("dir-with-oplog"), { takenAt: DUMPED_AT });
    expect(summary.to.at).not.toBe(DUMPED_AT.toISOString());
  });
});

describe("a folder", () => {
  const files = readGoldenFolder("dir");
  const without = (...paths: string[]) =>
    folderOf(Object.fromEntries(Object.entries(files).filter(([path]) => !paths.includes(path))));
  const refusal = async (dump: ExternalDump) => read(dump).catch((error: unknown) => error);

  it("that lacks the documents of a collection is refused", async () => {
    expect(await refusal(without("erp/invoices.bson"))).toMatchObject({
      name: "IntegrityError",
      code: "ARTIFACT_MISSING",
      message: expect.stringContaining("erp.invoices"),
    });
  });

  it("that lacks the metadata of a collection is refused", async () => {
    expect(await refusal(without("erp/invoices.metadata.json"))).toMatchObject({
      name: "IntegrityError",
      code: "ARTIFACT_MISSING",
      message: expect.stringContaining("options and indexes"),
    });
  });

  it.each([
    ["erp/notes.txt", Buffer.from("a note")],
    ["erp/deeper/a.bson", Buffer.alloc(0)],
    ["invoices.bson", Buffer.alloc(0)],
  ])("that holds %s is refused", async (path, bytes) => {
    expect(await refusal(folderOf({ ...files, [path]: bytes }))).toMatchObject({
      name: "RefusedError",
      code: "INPUT_INVALID",
      message: expect.stringContaining(path),
    });
  });

  it("whose documents are cut or changed in size is refused with the place", async () => {
    const bytes = files["erp/invoices.bson"] as Buffer;
    const cut = folderOf({ ...files, "erp/invoices.bson": bytes.subarray(0, 1_000) });
    expect(await refusal(cut)).toMatchObject({ name: "IntegrityError", code: "STREAM_TRUNCATED" });
    const changed = Buffer.from(bytes);
    changed.writeInt32LE(-7, 0);
    expect(await refusal(folderOf({ ...files, "erp/invoices.bson": changed }))).toMatchObject({
      code: "MALFORMED",
      message: expect.stringContaining("erp/invoices.bson at byte 0"),
    });
  });

  it("whose packed file lost a byte is refused by name", async () => {
    const packed = readGoldenFolder("dir-gzip");
    const bytes = packed["erp/invoices.bson.gz"] as Buffer;
    const cut = folderOf({ ...packed, "erp/invoices.bson.gz": bytes.subarray(0, -1) });
    expect(await refusal(cut)).toMatchObject({
      name: "IntegrityError",
      message: expect.stringContaining("erp/invoices.bson.gz"),
    });
  });

  it("that says nothing of the server's version needs it to be said", async () => {
    const silent = without("prelude.json", "admin/system.version.bson", "admin/system.version.metadata.json");
    expect(await refusal(silent)).toMatchObject({
      code: "INPUT_INVALID",
      message: expect.stringContaining("--server-version"),
    });
    expect((await read(silent, { serverVersion: "5.0.31" })).summary.versions).toMatchObject({ major: "5" });
    expect((await read(without("prelude.json"))).summary.versions).toMatchObject({ server: "7.0", major: "7" });
  });

  it("of an old tool, which wrote neither kind nor prelude, has its views", async () => {
    const text = (files["erp/unpaid.metadata.json"] as Buffer).toString().replace(',"type":"view"', "");
    const { summary } = await read(folderOf({ ...files, "erp/unpaid.metadata.json": Buffer.from(text) }));
    expect(summary.fingerprint["erp.unpaid"]).toMatchObject({ kind: "view", count: 0 });
  });

  it("whose metadata nest too deeply, or are no JSON, is refused", async () => {
    const deep = `{"options":${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)},"indexes":[]}`;
    for (const text of [deep, "{", "[]", '{"indexes":[1]}', '{"type":"queue","indexes":[]}'])
      expect(await refusal(folderOf({ ...files, "erp/empty.metadata.json": Buffer.from(text) }))).toMatchObject({
        name: "IntegrityError",
        code: "MALFORMED",
        message: expect.stringContaining("erp/empty.metadata.json"),
      });
  });

  it("of an old tool, with a binary value in extended JSON 1, is refused", async () => {
    const text = (files["erp/unpaid.metadata.json"] as Buffer).toString();
    const old = text.replace('"draft"', '{"$binary":"AAEC","$type":"00"}');
    expect(old).not.toBe(text);
    expect(await refusal(folderOf({ ...files, "erp/unpaid.metadata.json": Buffer.from(old) }))).toMatchObject({
      code: "INPUT_INVALID",
      message: expect.stringContaining("extended JSON 1"),
    });
  });

  it("with names that were cut to fit is paired by what the metadata say", async () => {
    const long = "é".repeat(100);
    const metadata = Buffer.from(JSON.stringify({ indexes: [], collectionName: long, type: "collection" }));
    const base = `erp/${escapeName(long)}`;
    const dump = folderOf({ ...files, [`${base}.metadata.json`]: metadata, [`${base}.bson`]: Buffer.alloc(0) });
    expect((await read(dump)).summary.fingerprint[`erp.${long}`]).toMatchObject({ count: 0 });
  });
});

describe("an archive whose namespaces alternate", () => {
  it("more than can be stored at once is refused instead of waiting for ever", async () => {
    expect(await read(archiveFile(await makeAlternatingArchive(4)))).toMatchObject({ leftOut: [] });
    await expect(read(archiveFile(await makeAlternatingArchive(5)))).rejects.toMatchObject({
      name: "IntegrityError",
      message: expect.stringContaining("4 other namespaces are open"),
    });
  });
});
