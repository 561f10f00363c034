import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { sources } from "../../../lambda/engine/sources/registry.ts";
import { renderSourcesPage, SOURCES_PAGE_PATH } from "../../../scripts/sources-page.ts";

it("docs/sources.md is what the registry says; if not, run: node scripts/sources-page.ts", async () => {
  expect(await readFile(SOURCES_PAGE_PATH, "utf8")).toBe(renderSourcesPage());
});

it.each(Object.values(sources))("says of $kind what is covered and what is not", ({ kind, description }) => {
  const [, section = ""] = renderSourcesPage().split(`\n## ${kind}\n`);
  const own = section.split("\n## ")[0] ?? "";
  expect(description.covers.length).toBeGreaterThan(0);
  expect(description.leavesOut.length).toBeGreaterThan(0);
  for (const line of [...description.covers, ...description.leavesOut]) expect(own).toContain(`- ${line}\n`);
});

it("a kind that leaves out more changes the page", () => {
  const [first] = Object.values(sources);
  if (first === undefined) throw new Error("there are no sources");
  const description = { ...first.description, leavesOut: ["everything"] };
  expect(renderSourcesPage([{ ...first, description }])).not.toBe(renderSourcesPage([first]));
});
