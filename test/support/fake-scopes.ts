import type { Manifest } from "../../lambda/engine/model/manifest.ts";
import {
  findScopeFaults,
  mapScope,
  type RestoreScope,
  refuseScope,
} from "../../lambda/engine/model/scope.ts";
import type { Scopes } from "../../lambda/engine/sources/source.ts";

/** How servers in memory are taken in part; they have no records to query and no users. */
export const fakeScopes: Scopes = {
  checkDump({ include = [] }) {
    const faults = include.filter((name) => name.includes("/")).map((name) => `${name} is no name`);
    if (faults.length > 0) refuseScope(faults);
  },
  planRestore({ scope: dumped, fingerprint, endState }, scope, later = []) {
    const map = fakeMap({ scope: dumped }, scope);
    const names = [...new Set([...Object.keys(fingerprint), ...later])];
    const faults = findScopeFaults(dumped, scope, names, map);
    if (faults.length > 0) refuseScope(faults);
    const selected = names.filter(map.isSelected);
    const move = (all: Manifest["fingerprint"]) =>
      Object.fromEntries(
        Object.entries(all).flatMap(([name, one]) =>
          map.isSelected(name) ? [[map.targetOf(name), one]] : [],
        ),
      );
    return {
      targets: new Map(selected.map((name) => [name, map.targetOf(name)])),
      expected: {
        fingerprint: move(fingerprint),
        ...(endState && {
          endState: {
            touched: endState.touched.filter(map.isSelected).map(map.targetOf),
            fingerprint: move(endState.fingerprint),
          },
        }),
      },
      isTarget: map.isTarget,
      neverOverwrites: scope?.beside !== undefined || dumped?.query !== undefined,
      notes: [],
    };
  },
};

export function fakeMap(manifest: Pick<Manifest, "scope">, scope: RestoreScope | undefined) {
  return mapScope(manifest.scope, scope, (name, mark) => `${name}${mark}`);
}
