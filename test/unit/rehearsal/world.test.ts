import { expect, test } from "vitest";
import { SIZES } from "../../../rehearsal/data/erp.ts";
import { makeWorld } from "../../../rehearsal/world/world.ts";

test("a world that is kept names the estate.yaml that was deployed, once there is one", () => {
  const world = makeWorld({ size: SIZES.small, seed: 1, has: "core", signal: new AbortController().signal });
  expect(world.describe()).not.toContain("estate.yaml");
  world.set("estateFile", "/tmp/world/estate.yaml");
  expect(world.describe()).toContain("status --config` and `import`: /tmp/world/estate.yaml");
});
