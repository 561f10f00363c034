import { describe, expect, it } from "vitest";
import { findLoadedPackages, findWrongArrows } from "./arrows.ts";
import { readProject } from "./project.ts";
import { readSource } from "./source-file.ts";

const files = readProject();

describe("imports", () => {
  it("follow the arrows", () => {
    expect(files.length).toBeGreaterThan(50);
    expect(findWrongArrows(files)).toEqual([]);
  });

  it("load no driver and no AWS client when the app is synthesized", () => {
    const loaded = findLoadedPackages(files, "bin/estate.ts");
    expect(loaded.has("zod")).toBe(true);
    const unwanted = ["mongodb", "ssh2", "xxhash-wasm", "@aws-sdk/client-s3", "@aws-sdk/lib-storage"];
    expect(unwanted.map((name) => loaded.get(name)).filter((way) => way !== undefined)).toEqual([]);
  });
});

describe("the check of the arrows", () => {
  it.each([
    ["lambda/engine/jobs/a.ts", 'import { Stack } from "aws-cdk-lib";', "aws-cdk-lib"],
    ["lambda/engine/jobs/a.ts", 'import { Bucket } from "aws-cdk-lib/aws-s3";', "aws-cdk-lib/aws-s3"],
    ["lambda/engine/sources/a.ts", 'import { x } from "../vault/vault.ts";', "lambda/engine/vault/vault.ts"],
    [
      "lambda/engine/vault/a.ts",
      'import type { x } from "../sources/source.ts";',
      "lambda/engine/sources/source.ts",
    ],
    ["lambda/engine/model/a.ts", 'export * from "../jobs/dump.ts";', "lambda/engine/jobs/dump.ts"],
    ["lib/a.ts", 'const a = await import("../lambda/engine/jobs/dump.ts");', "lambda/engine/jobs/dump.ts"],
    ["rehearsal/a.ts", 'import { x } from "../lambda/engine/model/keys.ts";', "lambda/engine/model/keys.ts"],
    ["lambda/engine/vault/a.ts", 'import { MongoClient } from "mongodb";', "mongodb"],
  ])("finds that %s has %s", (path, text, target) => {
    expect(findWrongArrows([readSource(path, text)])).toEqual([`${path} imports ${target}`]);
  });

  it("allows what points along them", () => {
    const text = 'import { keys } from "../model/keys.ts"; import type { Vault } from "../vault/vault.ts";';
    expect(findWrongArrows([readSource("lambda/engine/jobs/a.ts", text)])).toEqual([]);
  });

  it("finds a file outside of every zone", () => {
    expect(findWrongArrows([readSource("misc/a.ts", "")])).toEqual(["misc/a.ts lies in no zone"]);
  });

  it("finds a driver behind another file, but not behind import()", () => {
    const entry = readSource("bin/estate.ts", 'import { a } from "../lib/a.ts";');
    const eager = readSource("lib/a.ts", 'import { MongoClient } from "mongodb";');
    const lazy = readSource("lib/a.ts", 'const open = () => import("mongodb");');
    expect(findLoadedPackages([entry, eager], "bin/estate.ts").get("mongodb")).toBe(
      "bin/estate.ts → lib/a.ts → mongodb",
    );
    expect(findLoadedPackages([entry, lazy], "bin/estate.ts").has("mongodb")).toBe(false);
  });
});
