import type { Fingerprint } from "../../model/fingerprint.ts";
import { type DumpScope, findIdlePatterns, holdsUsers, refuseScope, selectorOf } from "../../model/scope.ts";
import type { DumpSummary } from "../../sources/source.ts";
import { findElement, readText } from "../bson.ts";
import type { Listed } from "../list-namespaces.ts";
import { isServerVersion, isUsers, nameOf } from "../names.ts";
import { type Entry, embedded, readCommand } from "../oplog.ts";
import { ScopedLog } from "./scoped-log.ts";
import { findHalves } from "./scopes.ts";

/** The part of a server that a dump takes: everything, without a scope. */
export class DumpPart {
  readonly listed: readonly Listed[];
  readonly #names: readonly string[];
  readonly #scope: DumpScope | undefined;
  readonly #isSelected: (name: string) => boolean;
  readonly #log: ScopedLog | undefined;

  /** Throws `RefusedError` INPUT_INVALID where something that is to be included is not there. */
  constructor(scope: DumpScope | undefined, all: readonly Listed[]) {
    const isSelected = selectorOf(scope);
    const users = holdsUsers(scope);
    const isOfUsers = ({ namespace }: Listed) => isUsers(namespace) || isServerVersion(namespace);
    this.listed = all.filter((one) => (isOfUsers(one) ? users : isSelected(nameOf(one.namespace))));
    this.#names = all.filter((one) => !isOfUsers(one)).map(({ namespace }) => nameOf(namespace));
    this.#scope = scope;
    this.#isSelected = isSelected;
    if (scope === undefined) return;
    const idle = findIdlePatterns({ include: scope.include }, this.#names);
    if (idle.length > 0) refuseScope(idle);
    const map = { isSelected, targetOf: (name: string) => name, isTarget: isSelected };
    this.#log = new ScopedLog(map, { all: this.#names.filter(isSelected), views: [] });
  }

  /** What a dump keeps of an entry of the oplog; a rename that concerns the part stays as it is. */
  take(entry: Entry): readonly Entry[] {
    return this.#log === undefined || this.#isRenameOfPart(entry) ? [entry] : this.#log.take(entry);
  }

  /** Whether the oplog is stored as it is. */
  get isWhole(): boolean {
    return this.#log === undefined;
  }

  /** What was dumped, and what an operator ought to know of it. */
  tell(fingerprint: Fingerprint): Pick<DumpSummary, "scope" | "notes"> {
    if (this.#scope === undefined) return {};
    const idle = findIdlePatterns({ exclude: this.#scope.exclude }, this.#names);
    const halves = findHalves(this.#names, this.#isSelected, fingerprint);
    return { scope: this.#scope, notes: [...idle, ...halves] };
  }

  #isRenameOfPart(entry: Entry): boolean {
    if (entry.kind !== "c" || readCommand(entry).name !== "renameCollection") return false;
    const object = embedded(entry, "o");
    const names = ["renameCollection", "to"].map((name) => readText(object, findElement(object, name)) ?? "");
    return names.some(this.#isSelected);
  }
}
