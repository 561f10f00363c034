import { posix } from "node:path";

/** Every command that is run on the host, made of paths of the configuration and of ids that were read there. */

/** No prompt, no words in another language, no repository of the surroundings. */
const GIT = "LC_ALL=C GIT_TERMINAL_PROMPT=0 git";

/** Refs of restores under way. */
export const OWN_REFS = "refs/backup-estate";

/** Of a folder whose repository is gone, git would else take the one above it. */
const inside = (path: string) =>
  `GIT_CEILING_DIRECTORIES=${quote(posix.dirname(path))} ${GIT} -C ${quote(path)}`;

/**
 * What a repository is and has, in one round trip: `true` or `false` for a bare one, the same for a shallow one, `sha1` or
 * `sha256`, the ref that HEAD names or its id, then `<id> <ref> <ref that it names>` of each ref.
 */
export const stateCommand = (path: string) =>
  [
    `${inside(path)} rev-parse --is-bare-repository --is-shallow-repository --show-object-format`,
    `{ ${inside(path)} symbolic-ref --quiet HEAD || ${inside(path)} rev-parse --verify --quiet HEAD; }`,
    `${inside(path)} for-each-ref '--format=%(objectname) %(refname) %(symref)'`,
  ].join(" && ");
export const versionCommand = `${GIT} --version`;
export const sizeCommand = (path: string) => `${inside(path)} count-objects -v`;
/** Of ids on standard input: `<id> <type> <bytes>`, or `<id> missing`. */
export const presentCommand = (path: string) => `${inside(path)} cat-file --batch-check`;
/** Objects that the ids on standard input reach, those after `^` and what they reach left out. */
export const newObjectsCommand = (path: string) => `${inside(path)} rev-list --objects --stdin`;
/** Of refs on standard input, to standard output. */
export const bundleCommand = (path: string) => `${inside(path)} bundle create --quiet - --stdin`;
/** Of names on standard input, such as `HEAD:.gitmodules`: a line about each, and its content. */
export const contentsCommand = (path: string) => `${inside(path)} cat-file --batch`;
export const fsckCommand = (path: string) =>
  `${inside(path)} fsck --connectivity-only --no-dangling --progress`;

export const initCommand = (path: string, bare: boolean, format: string) =>
  `${GIT} init --quiet ${bare ? "--bare " : ""}--object-format=${format} ${quote(path)}`;
/** Takes the objects of a bundle in; its refs only under a place of this restore's own. */
export const fetchCommand = (path: string, bundle: string, refspecs: readonly string[]) =>
  `${inside(path)} fetch --progress --no-tags --no-write-fetch-head --no-auto-maintenance ${quote(bundle)} ${refspecs.map(quote).join(" ")}`;
/** What a restore put there for its time, also one that broke. */
export const ownRefsCommand = (path: string) =>
  `${inside(path)} for-each-ref '--format=%(refname)' ${OWN_REFS}`;
/** All lines of standard input, or none. */
export const updateRefsCommand = (path: string) => `${inside(path)} update-ref --stdin`;
export const setHeadCommand = (path: string, ref: string) =>
  `${inside(path)} symbolic-ref HEAD ${quote(ref)}`;
export const detachHeadCommand = (path: string, id: string) =>
  `${inside(path)} update-ref --no-deref HEAD ${quote(id)}`;
export const checkoutCommand = (path: string) => `${inside(path)} reset --hard --quiet`;

/** One word of a POSIX shell. */
function quote(word: string): string {
  return /^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
