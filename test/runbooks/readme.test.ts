import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { recoverInputSchema } from "../../lambda/engine/model/recovery.ts";
import { RUNBOOKS } from "../../runbooks/index.ts";
import { README_PATH, renderReadme } from "../../scripts/runbooks-readme.ts";
import { BINDINGS } from "../support/asl/estate.ts";
import { allStates } from "../support/asl/ways.ts";

test("runbooks/README.md is what the machines say; if not, run: node scripts/runbooks-readme.ts", async () => {
  expect(await readFile(README_PATH, "utf8")).toBe(renderReadme());
});

test.each(RUNBOOKS)("the page has every step and end of $name", ({ name, machine }) => {
  const page = renderReadme().split(`\n## ${name}\n`)[1]?.split("\n## ")[0] ?? "";
  for (const [state, { Comment }] of allStates(machine(BINDINGS).States)) {
    expect(page).toContain(`| ${state} |`);
    expect(page).toContain(Comment);
  }
});

test("a changed comment changes the page", () => {
  const [first, ...others] = RUNBOOKS;
  if (first === undefined) throw new Error("There are no runbooks");
  const machine = (bindings: typeof BINDINGS) => ({
    ...first.machine(bindings),
    Comment: "Does something else.",
  });
  expect(renderReadme([{ ...first, machine }, ...others])).not.toBe(renderReadme());
});

test("inputs that the page gives for recover are accepted, a misspelt one is refused", () => {
  const inputs = RUNBOOKS.find(({ name }) => name === "recover")?.inputs ?? [];
  expect(inputs.length).toBeGreaterThan(2);
  for (const { input } of inputs) expect(recoverInputSchema.safeParse(input).success).toBe(true);
  expect(recoverInputSchema.safeParse({ modus: "execute" }).success).toBe(false);
});
