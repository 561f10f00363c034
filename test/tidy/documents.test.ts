import { statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findBrokenLinks } from "./documents.ts";
import { exists, listDocuments, ROOT, readText } from "./project.ts";

/** Text of a file; a folder that exists is an empty text. */
function readIfThere(path: string): string | undefined {
  if (!exists(path)) return undefined;
  return statSync(join(ROOT, path)).isDirectory() ? "" : readText(path);
}

it("every relative link of the documents leads somewhere", () => {
  const documents = listDocuments();
  expect(documents).toContain("README.md");
  expect(documents.flatMap((path) => findBrokenLinks(path, readText(path), readIfThere))).toEqual([]);
});

describe("the check of the links", () => {
  const read = (path: string) => ({ "docs/b.md": "# One thing: more\n" })[path];

  it.each(["c.md", "../b.md", "b.md#another-thing", "#nothing"])("finds that %s leads nowhere", (target) => {
    expect(findBrokenLinks("docs/a.md", `[x](${target})`, read)).toEqual([`docs/a.md links to ${target}`]);
  });

  it.each(["b.md", "./b.md#one-thing-more", "../docs/b.md", "https://example.org/a.md"])(
    "allows %s",
    (target) => {
      expect(findBrokenLinks("docs/a.md", `[x](${target})`, read)).toEqual([]);
    },
  );

  it("reads no links inside code", () => {
    expect(findBrokenLinks("docs/a.md", "`[x](nowhere.md)`\n```\n[x](nowhere.md)\n```", read)).toEqual([]);
  });
});
