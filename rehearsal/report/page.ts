import type { Report, StepResult } from "./report.ts";

const STYLE = `
  :root { color-scheme: light dark; --line: #8883; --good: #1a7f4b; --bad: #c0262d; --soft: #8881; }
  body { font: 16px/1.55 system-ui, sans-serif; max-width: 62rem; margin: 2.5rem auto; padding: 0 1.2rem; }
  h1 { font-size: 1.7rem; margin: 0 0 .2rem; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
  .verdict { display: inline-block; padding: .15rem .7rem; border-radius: 1rem; color: #fff; background: var(--good); }
  .verdict.bad { background: var(--bad); } .muted { opacity: .7; }
  .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: .8rem; margin-top: 1.4rem; }
  .figure { border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; }
  .figure b { display: block; font-size: 1.6rem; font-variant-numeric: tabular-nums; }
  table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .35rem .5rem; vertical-align: top; }
  tr + tr td { border-top: 1px solid var(--line); } td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
  .lane { position: relative; height: .8rem; min-width: 14rem; background: var(--soft); border-radius: .2rem; }
  .lane i { position: absolute; top: 0; bottom: 0; min-width: 2px; border-radius: .2rem; background: var(--good); }
  .lane i.bad { background: var(--bad); } details { font-size: .85rem; } pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .3rem 0; }
`;

/** The page `rehearsal/out/report.html`: verdict, figures against the objectives, and the steps on a timeline. */
export function renderPage(report: Report, faults: readonly string[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Rehearsal: ${report.ok ? "held" : "did not hold"}</title><style>${STYLE}</style></head><body>
<h1>Rehearsal <span class="verdict ${report.ok ? "" : "bad"}">${report.ok ? "held" : "did not hold"}</span></h1>
<p class="muted">${escapeHtml(report.startedAt)}, ${report.seconds.toFixed(0)} s, size ${escapeHtml(report.size)}, seed ${report.seed}. Trigger: ${escapeHtml(report.trigger ?? "none")}.</p>
${faults.length === 0 ? "" : `<ul>${faults.map((fault) => `<li>${escapeHtml(fault)}</li>`).join("")}</ul>`}
<div class="figures">${renderFigures(report)}</div>
<h2>Timeline</h2><table>${report.steps.map((step) => renderStep(step, report)).join("")}</table>
<h2>Alerts received</h2>${renderList(report.alerts.map(readAlert))}
<h2>Left out, because the local AWS cannot show it</h2>${renderList(report.leftOut)}
</body></html>
`;
}

function renderFigures({ measured, objectives, sources }: Report): string {
  const objective = (seconds?: number) => (seconds === undefined ? "" : `objective ${seconds} s`);
  const figures = [
    ["Recovery point (RPO)", seconds(measured?.rpoSeconds), objective(objectives?.rpoSeconds)],
    ["Recovery time (RTO)", seconds(measured?.rtoSeconds), objective(objectives?.rtoSeconds)],
    ...Object.entries(sources).map(([name, source]) => [
      `${name}, drill`,
      source.drill,
      `${seconds(source.backupSeconds)}, ${megabytes(source.bytes)} → ${megabytes(source.storedBytes)}`,
    ]),
  ];
  return figures
    .map(([title = "", value = "", note = ""]) => {
      return `<div class="figure">${escapeHtml(title)}<b>${escapeHtml(value)}</b><span class="muted">${escapeHtml(note)}</span></div>`;
    })
    .join("");
}

function renderStep(step: StepResult, report: Report): string {
  const left = ((Date.parse(step.startedAt) - Date.parse(report.startedAt)) / 10 / report.seconds).toFixed(2);
  const width = ((100 * step.seconds) / report.seconds).toFixed(2);
  const facts = Object.keys(step.facts).length === 0 ? "" : renderFacts(step.facts);
  return `<tr><td>${step.ok ? "✓" : "✗"}</td><td>${escapeHtml(step.name)}${facts}</td>
<td class="number">${step.seconds.toFixed(1)} s</td>
<td><div class="lane"><i class="${step.ok ? "" : "bad"}" style="left:${left}%;width:${width}%"></i></div></td></tr>`;
}

function renderFacts(facts: Readonly<Record<string, unknown>>): string {
  return `<details><summary>facts</summary><pre>${escapeHtml(JSON.stringify(facts, null, 2))}</pre></details>`;
}

/** An alert as its receiver reads it, subject and text; anything else as it is. */
function readAlert(alert: unknown): unknown {
  const { subject, message } = (alert ?? {}) as { subject?: unknown; message?: unknown };
  return typeof subject === "string" && typeof message === "string" ? `${subject}\n\n${message}` : alert;
}

function renderList(items: readonly unknown[]): string {
  if (items.length === 0) return `<p class="muted">none</p>`;
  const texts = items.map((item) => (typeof item === "string" ? item : JSON.stringify(item, null, 2)));
  return `<ul>${texts.map((text) => `<li><pre>${escapeHtml(text)}</pre></li>`).join("")}</ul>`;
}

function seconds(value: number | undefined): string {
  return value === undefined ? "not measured" : `${value.toFixed(1)} s`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
