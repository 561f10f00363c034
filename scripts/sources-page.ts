import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { sources } from "../lambda/engine/sources/registry.ts";
import type { Source } from "../lambda/engine/sources/source.ts";

export const SOURCES_PAGE_PATH = fileURLToPath(new URL("../docs/sources.md", import.meta.url));

type Described = Pick<Source, "kind" | "description" | "needs" | "readExternal" | "writeExternal">;

/** The page about the sources, made from the registry itself. */
export function renderSourcesPage(kinds: readonly Described[] = Object.values(sources)): string {
  return `${[
    "# Sources",
    "Made from the registry by `node scripts/sources-page.ts`; a test compares the two. How each is configured is in [the configuration](configuration.md); what it needs on the host, in [the host](host.md).",
    "Every kind obeys the laws of `test/contract/sources` on a real server.",
    renderTable(kinds),
    ...kinds.map(renderKind),
  ].join("\n\n")}\n`;
}

function renderTable(kinds: readonly Described[]): string {
  const rows = kinds.map(({ kind, description, needs, ...source }) => [
    `[\`${kind}\`](#${kind})`,
    description.title,
    needs.compute,
    needs.stage,
    drillOf(needs.drill),
    needs.keepsLog ? "yes" : "no",
    source.readExternal === undefined ? "no" : "yes",
    source.writeExternal === undefined ? "artifacts only" : "one file",
  ]);
  const head = ["kind", "what", "runs on", "restored with", "drill", "slices", "import", "export"];
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function drillOf(drill: Source["needs"]["drill"]): string {
  if (typeof drill === "string") return drill;
  if ("diskGiBOf" in drill) return "a folder of the task's disk";
  return `\`${drill.image}\` ${drill.majors.join(", ")}`;
}

function renderKind({ kind, description: { covers, leavesOut } }: Described): string {
  const list = (lines: readonly string[]) => lines.map((line) => `- ${line}`).join("\n");
  return [`## ${kind}`, "Covered:", list(covers), "Not covered:", list(leavesOut)].join("\n\n");
}

if (import.meta.main) await writeFile(SOURCES_PAGE_PATH, renderSourcesPage());
