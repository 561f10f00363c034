import type { Report } from "./report.ts";

/** The steps with their seconds and the figures against the objectives, for a terminal. */
export function renderTable(report: Report, faults: readonly string[]): string {
  const widest = Math.max(...report.steps.map((step) => step.name.length));
  const steps = report.steps.map(
    (step) => `${step.ok ? "✓" : "✗"} ${step.name.padEnd(widest)} ${step.seconds.toFixed(1).padStart(7)} s`,
  );
  const figure = (name: "rpoSeconds" | "rtoSeconds") =>
    `${name.slice(0, 3).toUpperCase()} ${report.measured?.[name].toFixed(1) ?? "not measured"} s (objective ${report.objectives?.[name]} s)`;
  const sources = Object.entries(report.sources).map(
    ([name, source]) =>
      `${name}: drill ${source.drill}, ${source.bytes} bytes stored as ${source.storedBytes}`,
  );
  const leftOut = report.leftOut.map((text) => `left out: ${text}`);
  const verdict =
    faults.length === 0 ? "The rehearsal held." : `The rehearsal did NOT hold: ${faults.join("; ")}`;
  return [...steps, "", figure("rpoSeconds"), figure("rtoSeconds"), ...sources, ...leftOut, "", verdict].join(
    "\n",
  );
}
