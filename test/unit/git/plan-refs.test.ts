import { describe, expect, it } from "vitest";
import { planRefs } from "../../../lambda/engine/git/restore.ts";

const [one, two, three] = ["1", "2", "3"].map((digit) => digit.repeat(40));
const NOTHING = "0".repeat(40);
const wanted = (refs: Record<string, string | undefined>) =>
  ({ refs, objectFormat: "sha1" }) as { refs: Record<string, string>; objectFormat: "sha1" };

describe("the refs of a recovery", () => {
  it("change in one transaction, each from what it was", () => {
    const before = { "refs/heads/main": one ?? "", "refs/heads/old": two ?? "" };
    expect(planRefs(before, wanted({ "refs/heads/main": three, "refs/heads/new": two }))).toEqual({
      first: [],
      second: [
        `delete refs/heads/old ${two}`,
        `update refs/heads/main ${three} ${one}`,
        `update refs/heads/new ${two} ${NOTHING}`,
      ],
    });
  });

  it.each([
    ["refs/heads/a", "refs/heads/a/b"],
    ["refs/heads/a/b", "refs/heads/a"],
  ])("change in two where %s stands in the way of %s", (gone, comes) => {
    expect(planRefs({ [gone]: one ?? "" }, wanted({ [comes]: two }))).toEqual({
      first: [`delete ${gone} ${one}`],
      second: [`update ${comes} ${two} ${NOTHING}`],
    });
  });

  it("do not stand in each other's way where only the beginning of a name is the same", () => {
    expect(planRefs({ "refs/heads/a": one ?? "" }, wanted({ "refs/heads/ab": two })).first).toEqual([]);
  });
});
