import { describe, expect, it } from "vitest";
import { encodeManifest, parseManifest } from "../../../lambda/engine/model/manifest.ts";
import { encodeRecord, parseRecord, verificationRecordSchema } from "../../../lambda/engine/model/records.ts";
import { makeBackup, makeManifest, makeVerification } from "../../support/manifests.ts";

const KEY = "manifests/hourly/mongodb/x.json";
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));
const [artifact] = makeManifest().artifacts;

describe("a manifest", () => {
  it("is the same after it was stored and read", () => {
    expect(parseManifest(encodeManifest(makeManifest()), KEY)).toEqual(makeManifest());
  });

  it("has the same bytes whatever the order in which it was put together", () => {
    const manifest = makeManifest({ versions: { server: "7", major: "7" } });
    const shuffled = {
      ...Object.fromEntries(Object.entries(manifest).reverse()),
      versions: { major: "7", server: "7" },
      artifacts: manifest.artifacts.map((one) => Object.fromEntries(Object.entries(one).reverse())),
    } as unknown as typeof manifest;
    expect(Object.keys(shuffled)[0]).not.toBe("formatVersion");
    expect(Buffer.from(encodeManifest(shuffled)).toString()).toBe(
      Buffer.from(encodeManifest(manifest)).toString(),
    );
  });

  it("keeps the order inside an index, which carries meaning", () => {
    const [fingerprint] = Object.values(makeManifest().fingerprint);
    const key = { b: 1, a: -1 };
    const manifest = makeManifest({ fingerprint: { x: { ...fingerprint, indexes: [{ key }] } as never } });
    expect(Buffer.from(encodeManifest(manifest)).toString()).toMatch(/"b": 1,\s+"a": -1/);
  });

  it.each<[string, Uint8Array]>([
    ["nothing", Buffer.alloc(0)],
    ["no JSON", Buffer.from("{")],
    ["no UTF-8", Buffer.from([0x22, 0xff, 0x22])],
    ["half a manifest", encodeManifest(makeManifest()).subarray(0, 400)],
    ["another format", bytesOf({ ...makeManifest(), formatVersion: 2 })],
    ["an unknown field", bytesOf({ ...makeManifest(), extra: 1 })],
    ["a lost field", bytesOf({ ...makeManifest(), fingerprint: undefined })],
    ["an id that is none", bytesOf({ ...makeManifest(), backupId: "../x" })],
    ["a local time", bytesOf({ ...makeManifest(), sealedAt: "2026-11-23T03:00:00+03:00" })],
    ["a negative size", bytesOf({ ...makeManifest(), artifacts: [{ ...artifact, plainBytes: -1 }] })],
    ["a digest that is none", bytesOf({ ...makeManifest(), artifacts: [{ ...artifact, sha256: "ff" }] })],
    ["no version", bytesOf({ ...makeManifest(), artifacts: [{ ...artifact, versionId: "" }] })],
  ])("is refused with %s", (_, bytes) => {
    expect(() => parseManifest(bytes, KEY)).toThrow(
      expect.objectContaining({
        name: "IntegrityError",
        code: "MANIFEST_INVALID",
        message: expect.stringContaining(KEY),
      }),
    );
  });
});

describe("a record", () => {
  const record = makeVerification(makeBackup(), true);

  it("is the same after it was stored and read", () => {
    const bytes = encodeRecord(verificationRecordSchema, record);
    expect(parseRecord(verificationRecordSchema, bytes, KEY)).toEqual(record);
  });

  it("is never stored with an outcome that a check cannot have", () => {
    expect(() =>
      encodeRecord(verificationRecordSchema, { ...record, outcome: "broken" as "intact" }),
    ).toThrow();
  });

  it("is refused when it is not what was stored", () => {
    expect(() => parseRecord(verificationRecordSchema, bytesOf({ ...record, extra: 1 }), KEY)).toThrow(
      expect.objectContaining({ name: "IntegrityError", code: "MALFORMED" }),
    );
  });
});
