import type { Estate } from "../lambda/engine/model/estate.ts";
import { sources } from "../lambda/engine/sources/registry.ts";

/** `secret`: of sources that hold secrets themselves. `ordinary`: of all others. */
export type Secrecy = "ordinary" | "secret";

/** Names of the sources whose artifacts are encrypted with the key for secrets. */
export function secretSourcesOf(estate: Pick<Estate, "sources">): string[] {
  return Object.keys(onlyOf(estate.sources, "secret"));
}

/** The estate with sources and targets of that secrecy alone. */
export function estateOf(estate: Estate, secrecy: Secrecy): Estate {
  const { sources: all, targets } = estate;
  return {
    ...estate,
    sources: onlyOf(all, secrecy),
    ...(targets && { targets: onlyOf(targets, secrecy) }),
  };
}

function onlyOf(all: Estate["sources"], secrecy: Secrecy): Estate["sources"] {
  return Object.fromEntries(
    Object.entries(all).filter(([, { kind }]) => (sources[kind]?.needs.secrecy ?? "ordinary") === secrecy),
  );
}
