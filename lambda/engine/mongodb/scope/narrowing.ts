import type { RestoreRequest, ScopedRestore } from "../../sources/source.ts";
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
  readonly #request: RestoreRequest;
  readonly #part: Part;
  readonly #known: { readonly all: readonly string[]; readonly views: readonly string[] };
  #followed: Followed = new Map();

  private constructor(request: RestoreRequest, part: Part, plan: RestorePlan) {
    this.#request = request;
    this.#part = part;
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

  /** Undefined for the restore of all that a whole backup holds. */
  static of(request: RestoreRequest, plan: RestorePlan): Narrowing | undefined {
    const part = partOf(request.manifest.scope, request.scope);
    return part && new Narrowing(request, part, plan);
  }

  /**
   * Decides before anything is written what a restore may judge and drop on the target. Reads the log for what cannot be
   * followed, and for names that it brings up. Throws `RefusedError` INPUT_INVALID where there is no such part.
   */
  async check(log: ReplayedLog, signal: AbortSignal): Promise<ScopedRestore> {
    const scoped = this.newLog();
    await readLog(log, signal, (entry) => {
      scoped.take(entry);
    });
    this.#followed = scoped.toFollow;
    const { manifest, scope } = this.#request;
    return scopes.planRestore(manifest, scope, [...scoped.names]);
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
