import type { Row } from "./measure.ts";

/** What a bench demands of a figure. One that nothing was there to compare with was not run: it never counts as held. */
export type Gate =
  | { readonly name: string; readonly state: "held" | "missed"; readonly got: number }
  | { readonly name: string; readonly state: "not-run"; readonly why: string };

/** `got ≥ least`. */
export function atLeast(name: string, got: number, least: number): Gate {
  return { name: `${name} ≥ ${least}`, state: got >= least ? "held" : "missed", got };
}

/** `got ≤ most`. */
export function atMost(name: string, got: number, most: number): Gate {
  return { name: `${name} ≤ ${most}`, state: got <= most ? "held" : "missed", got };
}

/** Ours in megabytes a second, as a multiple of the fastest of the rows whose names begin with `theirs`. */
export function ratio(rows: readonly Row[], ours: string, theirs: string, least: number): Gate {
  const name = `${ours}, of ${theirs}`;
  const own = rows.find((row) => row.name === ours);
  const others = rows.filter((row) => row.name.startsWith(theirs)).map(({ mbPerSecond }) => mbPerSecond);
  if (own === undefined || others.length === 0)
    return { name: `${name} ≥ ${least}×`, state: "not-run", why: `there is no ${own ? theirs : ours}` };
  const gate = atLeast(name, own.mbPerSecond / Math.max(...others), least);
  return { ...gate, name: `${gate.name}×` };
}

/** False when one was missed. */
export function allHold(gates: readonly Gate[]): boolean {
  return gates.every(({ state }) => state !== "missed");
}
