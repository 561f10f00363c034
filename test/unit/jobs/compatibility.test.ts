import { describe, expect, it } from "vitest";
import { judgeVersions, requireCompatible } from "../../../lambda/engine/jobs/compatibility.ts";
import { makeManifest } from "../../support/manifests.ts";

const of = (server: string, featureCompatibility?: string) => ({
  server,
  major: server.split(".")[0] ?? "",
  ...(featureCompatibility !== undefined && { featureCompatibility }),
});

describe("data of one server on another", () => {
  it.each([
    ["the same release", of("7.0.15", "7.0"), of("7.0.12", "7.0"), "fits", /7\.0\.15/],
    ["the next major release", of("6.0.4", "6.0"), of("7.0.15", "7.0"), "fits", /./],
    ["the next release, still of the old level", of("6.0.4", "6.0"), of("7.0.15", "6.0"), "fits", /./],
    ["two major releases later", of("5.0.3", "5.0"), of("7.0.15", "7.0"), "warned", /more than one major/],
    ["an older release than the level", of("7.0.15", "7.0"), of("6.0.4", "6.0"), "refused", /older than/],
    ["an older release, level not told", of("7.0.15"), of("6.0.4"), "refused", /older than the data/],
    ["an older minor release", of("7.3.1", "7.3"), of("7.0.15", "7.0"), "refused", /older than the data/],
    ["a newer server of an older level", of("7.0.15", "7.0"), of("8.0.1", "6.0"), "refused", /Raise it/],
    [
      "the old server again, level never raised",
      of("7.0.15", "6.0"),
      of("6.0.4", "6.0"),
      "warned",
      /downgrade/,
    ],
    ["a backup of no known version", {}, of("7.0.15", "7.0"), "warned", /not all versions are known/],
    ["a target of no known version", of("7.0.15", "7.0"), {}, "warned", /an unknown version/],
    ["only majors told", { major: "7" }, { major: "7" }, "fits", /./],
  ] as const)("on %s", (_name, backup, target, verdict, why) => {
    expect(judgeVersions(backup, target)).toEqual({ verdict, why: expect.stringMatching(why) });
  });

  it("is refused by name, with both versions as facts; what is only warned of is not", () => {
    const manifest = makeManifest({ versions: of("7.0.15", "7.0") });
    expect(() => requireCompatible(manifest, of("6.0.4", "6.0"))).toThrow(
      expect.objectContaining({
        code: "VERSION_INCOMPATIBLE",
        message: expect.stringContaining("Nothing was changed"),
        facts: { dumped: manifest.versions, target: of("6.0.4", "6.0") },
      }),
    );
    expect(() => requireCompatible(manifest, of("9.0.0", "9.0"))).not.toThrow();
  });
});
