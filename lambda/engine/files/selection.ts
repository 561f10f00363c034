import { RefusedError } from "../model/errors.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import { besideMark, type RestoreScope, refuseScope, selectorOf } from "../model/scope.ts";
import type { Scopes } from "../sources/source.ts";

/** What is restored of a backup, and where it goes. */
export interface Selection {
  /** Paths as text: bytes that are no UTF-8 can be meant by `*` only. */
  isSelected(path: Buffer): boolean;
  /** Whether all of a folder of the configuration is meant. */
  isWhole(folder: string): boolean;
  /** What follows the path of each folder of the configuration. */
  readonly mark: string;
}

const SLASH = "/";

/** A pattern that fits a folder means all that is in it. */
export function selectFiles(scope: RestoreScope | undefined): Selection {
  const included = selectorOf(scope?.include && { include: scope.include });
  const excluded = scope?.exclude && selectorOf({ include: scope.exclude });
  const fits = (path: string, takes: (name: string) => boolean) => pathsTo(path).some(takes);
  const mark = scope?.beside === undefined ? "" : besideMark(scope.beside);
  return {
    isSelected: (path) =>
      scope === undefined ||
      (fits(path.toString(), included) && !(excluded !== undefined && fits(path.toString(), excluded))),
    isWhole: (folder) =>
      scope?.exclude === undefined &&
      (scope?.include === undefined || included(folder) || scope.include.includes(`${folder}/*`)),
    mark,
  };
}

/** `a/b/c` is in `a` and in `a/b`. */
function pathsTo(path: string): string[] {
  const paths = [path];
  for (let end = path.lastIndexOf(SLASH); end > 0; end = path.lastIndexOf(SLASH, end - 1))
    paths.push(path.slice(0, end));
  return paths;
}

/** Files are restored by folder, or by paths below one. What is dumped is the configuration's business. */
export const fileScopes: Scopes = {
  checkDump() {
    throw new RefusedError(
      "INPUT_INVALID",
      "A part of files is not dumped by a scope: unchanged files cost nothing. Name folders and exclude in estate.yaml.",
    );
  },
  planRestore(manifest, scope) {
    const folders = Object.keys(manifest.fingerprint);
    const faults = findFaults(scope, folders);
    if (faults.length > 0) refuseScope(faults);
    const selection = selectFiles(scope);
    const meant = folders.filter((folder) => isMeant(folder, scope));
    const whole = meant.filter((folder) => selection.isWhole(folder));
    const expected: Fingerprint = Object.fromEntries(
      whole.flatMap((folder) => {
        const found = manifest.fingerprint[folder];
        return found === undefined ? [] : [[folder + selection.mark, found]];
      }),
    );
    const parts = meant.filter((folder) => !whole.includes(folder));
    const targets = new Map(meant.map((folder) => [folder, folder + selection.mark]));
    return {
      targets,
      isTarget: (name) => [...targets.values()].includes(name),
      neverOverwrites: scope?.beside !== undefined,
      expected: { fingerprint: expected },
      notes: parts.map(
        (folder) =>
          `${folder}: a part of it; each file is compared as it is written, and not again afterwards`,
      ),
    };
  },
};

function findFaults(scope: RestoreScope | undefined, folders: readonly string[]): string[] {
  const renamed = scope?.rename === undefined ? [] : ["rename: files keep their names; restore them beside"];
  const users = scope?.users === undefined ? [] : ["users: files have none"];
  const idle = [...(scope?.include ?? []), ...(scope?.exclude ?? [])]
    .filter((pattern) => !folders.some((folder) => reaches(pattern, folder)))
    .map((pattern) => `${pattern} begins with none of the folders ${folders.join(", ")}`);
  return [...renamed, ...users, ...idle];
}

function isMeant(folder: string, scope: RestoreScope | undefined): boolean {
  return scope?.include === undefined || scope.include.some((pattern) => reaches(pattern, folder));
}

/** Whether a pattern can fit a folder, or something in it, by what stands before its first star. */
function reaches(pattern: string, folder: string): boolean {
  const head = pattern.split("*", 1)[0] ?? "";
  if (head.length < pattern.length && `${folder}/`.startsWith(head)) return true;
  return head === folder || head.startsWith(`${folder}/`);
}
