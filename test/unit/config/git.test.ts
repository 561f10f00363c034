import { describe, expect, it } from "vitest";
import { gitConfigSchema } from "../../../lambda/engine/git/config.ts";

const faultsOf = (repositories: object) =>
  gitConfigSchema.safeParse({ repositories }).error?.issues.map(({ message }) => message) ?? [];

describe("the repositories of a source", () => {
  it("are named by their paths on the host", () => {
    expect(faultsOf({ erp: "/srv/git/erp.git", "web-2": "/srv/website" })).toEqual([]);
  });

  it.each(["https://example.com/erp.git", "git@example.com:erp.git", "ssh://git@example.com/erp.git"])(
    "are refused by the URL %s, with where to name them",
    (url) => {
      expect(faultsOf({ erp: url }).join()).toMatch(/on the host that serves it/);
    },
  );

  it.each([
    ["none at all", {}, /at least one/],
    ["one path twice", { a: "/srv/x", b: "/srv/x" }, /each path once/],
    ["a path that leads up", { a: "/srv/../etc" }, /without \.\./],
    ["a name that is no name", { "A b": "/srv/x" }, /./],
  ])("are refused: %s", (_what, repositories, fault) => {
    expect(faultsOf(repositories).join()).toMatch(fault);
  });
});
