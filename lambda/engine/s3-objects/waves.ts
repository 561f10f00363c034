import type { Entry, ObjectEntry } from "./entry.ts";

/** One version to write, with the delete markers that stand before and behind it in the key's history. */
export interface Step {
  readonly entry: ObjectEntry;
  before: number;
  after: number;
}

/** How entries are written. */
export interface Waves {
  /** Keys of which only delete markers are left, each as often as there are. */
  readonly markers: readonly Entry[];
  /**
   * One wave after the other, each pack once in a wave and in the order of its name: so the versions of a key come in
   * their order, whatever packs they lie in. Nearly always there is one wave.
   */
  readonly waves: readonly (readonly Step[])[];
}

/** Plans the whole history of each key. Pure; `entries` are in the order of the index. */
export function planHistory(entries: readonly Entry[]): Waves {
  const markers: Entry[] = [];
  const waves: Step[][] = [];
  for (const group of groupByKey(entries)) {
    const steps = toSteps(group);
    if (steps.length === 0) markers.push(...group.filter(({ type }) => type === "delete-marker"));
    let wave = 0;
    for (const [at, step] of steps.entries()) {
      const last = steps[at - 1];
      if (last !== undefined && !isBehind(step.entry, last.entry)) wave += 1;
      const planned = waves[wave] ?? [];
      planned.push(step);
      waves[wave] = planned;
    }
  }
  return { markers, waves };
}

/**
 * Plans what each key last was: the newest version, or nothing where it was deleted. The history of the first key may
 * have begun in the index before: there its end is deleted again.
 */
export function planLatest(entries: readonly Entry[]): Waves {
  const markers: Entry[] = [];
  const steps: Step[] = [];
  for (const [at, group] of [...groupByKey(entries)].entries()) {
    const last = group.filter(({ type }) => type !== "left-out").at(-1);
    if (last?.type === "object") steps.push({ entry: last, before: 0, after: 0 });
    if (last?.type === "delete-marker" && at === 0) markers.push(last);
  }
  return { markers, waves: [steps] };
}

function* groupByKey(entries: readonly Entry[]): Generator<readonly Entry[]> {
  let group: Entry[] = [];
  for (const entry of entries) {
    const [first] = group;
    if (first !== undefined && (first.key !== entry.key || first.bucket !== entry.bucket)) {
      yield group;
      group = [];
    }
    group.push(entry);
  }
  if (group.length > 0) yield group;
}

function toSteps(group: readonly Entry[]): Step[] {
  const steps: Step[] = [];
  let before = 0;
  for (const entry of group) {
    const last = steps.at(-1);
    if (entry.type === "object") steps.push({ entry, before: last === undefined ? before : 0, after: 0 });
    else if (entry.type === "delete-marker" && last !== undefined) last.after += 1;
    else if (entry.type === "delete-marker") before += 1;
  }
  return steps;
}

/** Whether one reading of the packs in the order of their names meets `entry` after `last`. */
function isBehind(entry: ObjectEntry, last: ObjectEntry): boolean {
  return entry.artifact === last.artifact ? entry.offset > last.offset : entry.artifact > last.artifact;
}
