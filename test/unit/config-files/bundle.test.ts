import { describe, expect, it } from "vitest";
import { BundleReader, SALT_BYTES, writeBundle } from "../../../lambda/engine/config-files/bundle.ts";
import { configFilesSchema } from "../../../lambda/engine/config-files/config.ts";
import { ConfigFilesDump, type ConfigFilesTools } from "../../../lambda/engine/config-files/dump.ts";
import type { Entry } from "../../../lambda/engine/config-files/entry.ts";
import { isCompose, isVariables, parses, variablesOf } from "../../../lambda/engine/config-files/judge.ts";

const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
const SALT = Buffer.alloc(SALT_BYTES, 7);
const facts = { mode: 0o600, uid: 0, gid: 0, modifiedSeconds: 1 };
const file = (path: string, text: string): Entry => {
  const bytes = Buffer.from(text);
  return { header: { type: "file", path, ...facts, bytes: bytes.length }, bytes };
};

async function* entriesOf(...entries: Entry[]) {
  yield* entries;
}

async function write(...entries: Entry[]): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(writeBundle(SALT, entriesOf(...entries), random)));
}

async function read(bytes: Buffer, pieceBytes = 7): Promise<Entry[]> {
  const open = async function* () {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  };
  await using reader = new BundleReader({ name: "config/files", plainBytes: bytes.length, open });
  expect(await reader.takeSalt()).toEqual(SALT);
  return await Array.fromAsync(reader.entries());
}

const framed = (header: unknown) => {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json]);
};

describe("a bundle of configuration", () => {
  it.each([1, 3, 4096])("comes back from pieces of %i bytes", async (pieceBytes) => {
    const entries = [
      file("/srv/.env", "A=1\n"),
      file("/srv/empty", ""),
      file("/srv/متجر", "x".repeat(9_000)),
    ];
    expect(await read(await write(...entries), pieceBytes)).toEqual(entries);
  });

  it("ends in noise of another length each time", async () => {
    const sizes = await Promise.all(Array.from({ length: 8 }, () => write()));
    expect(new Set(sizes.map(({ length }) => length)).size).toBeGreaterThan(1);
  });

  it.each([
    [
      "ends in the middle of an entry",
      async () => (await write(file("/a", "x".repeat(100)))).subarray(0, 120),
    ],
    ["has a header that is too long", async () => Buffer.concat([SALT, Buffer.from([0, 0xff, 0xff, 0xff])])],
    [
      "has a header that is no JSON",
      async () => Buffer.concat([SALT, Buffer.from([0, 0, 0, 2]), Buffer.from("{x")]),
    ],
    [
      "has an entry with a way out",
      async () => Buffer.concat([SALT, framed({ type: "folder", path: "/srv/../etc", ...facts })]),
    ],
    [
      "has an entry without a beginning",
      async () => Buffer.concat([SALT, framed({ type: "folder", path: "srv", ...facts })]),
    ],
    [
      "has a file that is too large",
      async () => Buffer.concat([SALT, framed({ type: "file", path: "/a", ...facts, bytes: 2 ** 40 })]),
    ],
    ["has one path twice", async () => await write(file("/a", "1"), file("/a", "2"))],
    [
      "has an end that counts another number",
      async () => Buffer.concat([SALT, framed({ type: "end", entries: 3 })]),
    ],
  ])("is refused where it %s, without a word of its content", async (_, make) => {
    const error = (await read(await make()).catch((caught: unknown) => caught)) as Error;
    expect(error).toMatchObject({ name: "IntegrityError", code: "MALFORMED" });
    expect(error.message).not.toContain("xxx");
  });
});

describe("what is judged of configuration", () => {
  it("is read as Docker reads it", () => {
    expect([...variablesOf(Buffer.from("# A=1\nexport B=2\n  C = 3\nD\n E_5=\n"))]).toEqual([
      "B",
      "C",
      "E_5",
    ]);
    for (const name of [
      "compose.yaml",
      "docker-compose.yml",
      "compose.override.yaml",
      "docker-compose-prod.yml",
    ])
      expect(isCompose(`/srv/${name}`), name).toBe(true);
    for (const name of ["my-compose.yaml", "compose.json", "composer.yaml"])
      expect(isCompose(`/srv/${name}`), name).toBe(false);
    expect([".env", ".env.local", ".env.example", ".envrc"].map((name) => isVariables(`/${name}`))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(parses(Buffer.from("services:\n  app: {}\n"))).toBe(true);
    for (const text of ["services: [", "just words", ""]) expect(parses(Buffer.from(text)), text).toBe(false);
  });
});

describe("the configuration of configuration", () => {
  it("takes files and folders by absolute paths", () => {
    expect(configFilesSchema.parse({ paths: ["/srv/.env", "/etc/nginx"] })).toBeDefined();
  });

  it.each([
    ["nothing", []],
    ["a path that is not absolute", ["srv"]],
    ["a way out", ["/srv/../etc"]],
    ["a path below another", ["/etc", "/etc/nginx"]],
    ["a path twice", ["/etc", "/etc"]],
  ])("refuses %s", (_, paths) => {
    expect(configFilesSchema.safeParse({ paths }).success).toBe(false);
  });
});

it("the artifact is stored as it is: beside its plain size, a compressed one would tell how far secrets compress", async () => {
  const { items } = new ConfigFilesDump({} as ConfigFilesTools, "throw");
  const first = await items[Symbol.asyncIterator]().next();
  expect(first.value).toMatchObject({ name: "config/files", stored: "as-it-is" });
});
