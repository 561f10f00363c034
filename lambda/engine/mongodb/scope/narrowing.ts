import { findCollisions, refuseScope } from "../../model/scope.ts";
import type { RestoreRequest } from "../../sources/source.ts";
import { bucketsOf, nameOf, parseNamespace } from "../names.ts";
import { type ReplayedLog, readLog } from "../replay-log.ts";
import type { RestorePart, RestorePlan } from "../restore-items.ts";
import { type Followed, ScopedLog } from "./scoped-log.ts";
import { type Part, partOf, renameWithin, scopes } from "./scopes.ts";
import { renameInOptions } from "./view-references.ts";

/** A restore that is about a part of a backup, or of a server. */
export class Narrowing {
  /** What is to be restored, by the names of the target. */
  readonly plan: RestorePlan;
  /** Nothing may be replaced: what is restored stands beside the live one, or is but some of its records. */
  readonly neverOverwrites: boolean;
  readonly #part: Part;
  readonly #known: { readonly all: readonly string[]; readonly views: readonly string[] };
  #followed: Followed = new Map();

  private constructor(part: Part, plan: RestorePlan, neverOverwrites: boolean) {
    this.#part = part;
    this.neverOverwrites = neverOverwrites;
    const chosen = (parts: readonly RestorePart[]) =>
      parts.filter(({ listed }) => part.isSelected(nameOf(listed.namespace)));
    const names = (parts: readonly RestorePart[]) => parts.map(({ listed }) => nameOf(listed.namespace));
    const [collections, views] = [chosen(plan.collections), chosen(plan.views)];
    this.#known = { all: names([...collections, ...views]), views: names(views) };
    this.plan = {
      ...plan,
      collections: collections.map((one) => move(one, part)),
      views: views.map((one) => move(one, part)),
      users: part.users ? plan.users : [],
    };
  }

  /**
   * Undefined for the restore of all that a whole backup holds. Throws `RefusedError` INPUT_INVALID where the backup
   * has no such part.
   */
  static of({ manifest, scope }: RestoreRequest, plan: RestorePlan): Narrowing | undefined {
    const part = partOf(manifest.scope, scope);
    if (part === undefined) return undefined;
    const { neverOverwrites } = scopes.planRestore(manifest, scope);
    return new Narrowing(part, plan, neverOverwrites);
  }

  /** Whether a restore may judge this name on the target, and drop it. */
  isTarget(name: string): boolean {
    return this.#part.isTarget(name);
  }

  /**
   * Reads the log before anything is written, for what cannot be followed and for names that it brings up. Throws
   * `RefusedError` INPUT_INVALID.
   */
  async checkLog(log: ReplayedLog, signal: AbortSignal): Promise<void> {
    const scoped = this.newLog();
    await readLog(log, signal, (entry) => {
      scoped.take(entry);
    });
    const faults = findCollisions([...this.#known.all, ...scoped.names], this.#part);
    if (faults.length > 0) refuseScope(faults);
    this.#followed = scoped.toFollow;
  }

  /** The log's restriction, from its first entry on. */
  newLog(): ScopedLog {
    return new ScopedLog(this.#part, this.#known, this.#followed);
  }
}

function move(one: RestorePart, part: Part): RestorePart {
  const { listed } = one;
  if (!part.renames) return one;
  const namespace = parseNamespace(part.targetOf(nameOf(listed.namespace)));
  const options =
    listed.kind === "view"
      ? renameInOptions(listed.options, renameWithin(listed.namespace, part))
      : listed.options;
  const storage = listed.kind === "timeseries" ? bucketsOf(namespace) : namespace;
  return { ...one, listed: { ...listed, namespace, options }, storage };
}
