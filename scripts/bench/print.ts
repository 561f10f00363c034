import type { Gate } from "./gates.ts";
import type { Row } from "./measure.ts";

/** Rows and gates of one case as a table each, in Markdown, so that a page can take them as they are. */
export function renderCase(title: string, rows: readonly Row[], gates: readonly Gate[]): string {
  return [
    `### ${title}`,
    table(
      ["run", "MB/s", "operations/s", "peak RSS MB", "processor s"],
      rows.map(({ name, mbPerSecond, operationsPerSecond, rssMb, cpuSeconds }) => [
        name,
        mbPerSecond.toFixed(1),
        operationsPerSecond === undefined ? "" : String(Math.round(operationsPerSecond)),
        rssMb === undefined ? "" : String(rssMb),
        cpuSeconds === undefined ? "" : cpuSeconds.toFixed(1),
      ]),
    ),
    table(
      ["gate", "got", ""],
      gates.map((gate) =>
        gate.state === "not-run"
          ? [gate.name, "", `not run: ${gate.why}`]
          : [gate.name, gate.got.toFixed(2), gate.state],
      ),
    ),
  ].join("\n\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
