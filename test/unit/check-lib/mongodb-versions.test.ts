import { describe, expect, it } from "vitest";
import { parseMongods, runLawsOnOthers, tellVersions } from "../../../scripts/check-lib/mongodb-versions.ts";

describe("the servers that the laws run on", () => {
  it("are read from the variable, and there may be none", () => {
    expect(parseMongods("6=/opt/six/mongod:8=/opt/eight/mongod")).toEqual([
      { major: "6", path: "/opt/six/mongod" },
      { major: "8", path: "/opt/eight/mongod" },
    ]);
    expect(parseMongods(undefined)).toEqual([]);
    expect(parseMongods("")).toEqual([]);
  });

  it.each(["/opt/mongod", "4=/opt/mongod", "9=/opt/mongod", "8="])(
    "are refused when written as %s",
    (text) => {
      expect(() => parseMongods(text)).toThrow(/BACKUP_ESTATE_MONGODS.*expected <major>=<path>/);
    },
  );

  it("are told, and so are those that were not run", () => {
    expect(tellVersions(["7.0.15"])).toBe(
      "MongoDB 7.0.15; not run: 5, 6, 8 - no such server here (name one in BACKUP_ESTATE_MONGODS)",
    );
    expect(tellVersions(["7.0.15", "5.0.31", "6.0.19", "8.0.4"])).toBe(
      "MongoDB 7.0.15, 5.0.31, 6.0.19, 8.0.4",
    );
    expect(tellVersions([])).toContain("not run at all; not run: 5, 6, 7, 8");
  });

  it("fail where the path is not that of the version, and are never left out in silence", async () => {
    const environment = {
      MONGOD_PATH: "/nowhere/mongod.exe",
      PATH: "",
      BACKUP_ESTATE_MONGODS: "8=/nowhere/mongod",
    };
    const { outcomes, told } = await runLawsOnOthers(environment, 1_000);
    expect(outcomes).toMatchObject([{ name: "mongodb 8", failed: 1, passed: 0 }]);
    expect(outcomes[0]?.failures[0]).toContain("/nowhere/mongod");
    expect(told).toContain("not run: 5, 6, 7, 8");
  });
});
