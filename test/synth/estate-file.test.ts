import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { drillServersOf } from "../../lib/drill-servers.ts";
import { chooseEstateFile } from "../../lib/estate-file.ts";
import { makeEstate } from "../support/estate.ts";

const empty = mkdtempSync(join(tmpdir(), "project-"));
const own = mkdtempSync(join(tmpdir(), "project-"));
writeFileSync(join(own, "estate.yaml"), "name: own\n");
const nothing = { context: undefined, environment: undefined };

describe("the configuration that is synthesized", () => {
  test("is the one that the context names, before the environment's and the project's own", () => {
    expect(chooseEstateFile({ context: "a.yaml", environment: "b.yaml" }, own)).toBe("a.yaml");
  });

  test("is the one that the environment names, before the project's own", () => {
    expect(chooseEstateFile({ context: undefined, environment: "b.yaml" }, own)).toBe("b.yaml");
  });

  test("is the project's own estate.yaml where nothing is named", () => {
    expect(chooseEstateFile(nothing, own)).toBe(join(own, "estate.yaml"));
  });

  test("is never an example: without an estate.yaml, as with a typing error in its name, nothing is made", () => {
    expect(() => chooseEstateFile(nothing, empty)).toThrow(/no estate\.yaml.*Copy/);
    expect(chooseEstateFile({ context: "missing.yaml", environment: undefined }, empty)).toBe("missing.yaml");
  });
});

test("a source's drill server comes from the registry; an unknown kind has none", () => {
  expect(drillServersOf(makeEstate())).toMatchObject({
    mongodb: { image: "mongo", port: expect.any(Number) },
  });
  const other = { kind: "no-such-kind", compute: "lambda", config: {} } as const;
  expect(drillServersOf(makeEstate({ sources: { other } }))).toEqual({});
});
