import { expect, test } from "vitest";
import { localTierMachine } from "../../runbooks/local-tier.ts";
import {
  answers,
  BINDINGS,
  EXECUTION,
  estateService,
  failsWith,
  type Script,
} from "../support/asl/estate.ts";
import { interpret } from "../support/asl/interpret.ts";

async function run(script: Script = {}) {
  const { service, requests } = estateService(script);
  const input = { trigger: "schedule demo-local-tier" };
  const ending = await interpret(localTierMachine(BINDINGS), input, EXECUTION, service);
  return { ending, requests };
}

const two = { "list-local-copies": () => answers({ sources: ["mongodb", "uploads"] }) };

test("copies each source that the estate names, and is green when each has its copy", async () => {
  const { ending, requests } = await run(two);
  const copies = requests.filter(({ job }) => job === "copy-to-host");
  expect(copies).toMatchObject([{ source: "mongodb" }, { source: "uploads" }]);
  expect(ending).toMatchObject({
    status: "SUCCEEDED",
    output: {
      failed: 0,
      summary: expect.stringMatching(/^mongodb is copied: \/backup\/.*; uploads is copied/),
    },
  });
});

test("one source that fails stops no other, and the cause names it", async () => {
  const full = failsWith("RefusedError", "NOT_ENOUGH_SPACE: 3 GiB are missing");
  const { ending, requests } = await run({
    ...two,
    "copy-to-host": (request) => ("source" in request && request.source === "mongodb" ? full : undefined),
  });
  expect(requests.filter(({ job }) => job === "copy-to-host")).toHaveLength(2);
  expect(ending).toMatchObject({ status: "FAILED", error: "LocalTierIncomplete" });
  expect(ending.cause).toContain("mongodb was not copied, RefusedError: NOT_ENOUGH_SPACE");
  expect(ending.cause).toContain("uploads is copied");
});

test("an estate whose sources have no files of their own tools has nothing to do", async () => {
  const { ending } = await run({ "list-local-copies": () => answers({ sources: [] }) });
  expect(ending).toMatchObject({ status: "SUCCEEDED", output: { failed: 0 } });
});
