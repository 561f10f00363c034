import { expect, test } from "vitest";
import { verifyArchive } from "../../runbooks/verify-archive.ts";
import { answers, BINDINGS, EXECUTION, estateService, failsWith } from "../support/asl/estate.ts";
import { interpret } from "../support/asl/interpret.ts";

function run(answer: ReturnType<typeof answers>) {
  const { service } = estateService({ "verify-archive": () => answer });
  const input = { trigger: "schedule demo-verify-archive" };
  return interpret(verifyArchive.machine(BINDINGS), input, EXECUTION, service);
}

const found = (outcome: string) => answers({ outcome, summary: "data/x missing: no such version" });

test("is green where every object is as promised", async () => {
  expect(await run(found("as-promised"))).toMatchObject({ status: "SUCCEEDED" });
});

test("fails for damage in words that have people called", async () => {
  expect(await run(found("damaged"))).toMatchObject({
    ...{ status: "FAILED", error: "ArchiveDamaged" },
    cause: "IntegrityError: data/x missing: no such version",
  });
});

test("fails for a broken promise without the word that has people called", async () => {
  const ending = await run(found("broken-promise"));
  expect(ending).toMatchObject({ status: "FAILED", error: "ArchiveNotAsPromised" });
  expect(ending.cause).not.toContain("IntegrityError");
});

test("says that nothing is known where nobody could look", async () => {
  expect(await run(failsWith("VaultError"))).toMatchObject({ status: "FAILED", error: "ArchiveNotSeen" });
});
