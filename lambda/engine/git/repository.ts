import type { Host } from "../host/host.ts";
import { SourceError } from "../model/errors.ts";
import { collect } from "../stream/limits.ts";
import { contentsCommand, newObjectsCommand, OWN_REFS, presentCommand, stateCommand } from "./commands.ts";
import type { RepositoryState } from "./index-file.ts";

/** A line of a ref has at most some hundred bytes: room for a hundred thousand. */
const REFS_BYTES_LIMIT = 32 * 1024 ** 2;

export interface GitTools {
  readonly host: Host;
  readonly signal: AbortSignal;
}

/** The refs of a repository at one moment. */
export type RefState = Omit<RepositoryState, "bundles">;

/**
 * HEAD and every ref of the repository at a path of the host; undefined where nothing is there. Throws `SourceError`
 * FORBIDDEN where git does not trust its owner, MISSING where something else lies there, UNSUPPORTED where it is shallow,
 * COMMAND_FAILED where the host has no git.
 */
export async function readState(path: string, tools: GitTools): Promise<RefState | undefined> {
  try {
    return parseState(path, await readAll(stateCommand(path), tools));
  } catch (error) {
    if (!(error instanceof SourceError) || error.code !== "COMMAND_FAILED") throw error;
    const stderr = String(error.facts.stderr ?? "");
    if (/No such file or directory/.test(stderr)) return undefined;
    throw notReadable(path, error, stderr);
  }
}

function parseState(path: string, text: string): RefState {
  const [bare, shallow, objectFormat, head = "", ...refs] = text.split("\n").filter((line) => line !== "");
  // The git server of a drill has one format of ids, and what cannot be proven is no backup.
  if (objectFormat !== "sha1")
    throw new SourceError(
      "UNSUPPORTED",
      `git says that ids of ${path} are by ${JSON.stringify(objectFormat)}, expected sha1: others are not covered yet. Take it out of \`repositories\`.`,
      { facts: { path, objectFormat } },
    );
  // git bundles it without a word, and nothing can be cloned from that.
  if (shallow === "true")
    throw new SourceError(
      "UNSUPPORTED",
      `${path} is a shallow clone: got a part of its history, expected all of it. Fetch the rest by \`git fetch --unshallow\`, or name the repository that it was cloned from.`,
      { facts: { path } },
    );
  return {
    bare: bare === "true",
    objectFormat,
    head: head.startsWith("refs/") ? { ref: head } : { detached: head },
    refs: Object.fromEntries(refs.flatMap(parseRef)),
  };
}

/** No ref that only stands for another one, such as `refs/remotes/origin/HEAD`, and none of a restore that broke. */
function parseRef(line: string): [string, string][] {
  const [id = "", ref = "", standsFor] = line.trimEnd().split(" ");
  return standsFor !== undefined || ref.startsWith(`${OWN_REFS}/`) ? [] : [[ref, id]];
}

function notReadable(path: string, cause: SourceError, stderr: string): SourceError {
  const details = { cause, facts: { path, ...cause.facts } };
  if (/dubious ownership/.test(stderr))
    return new SourceError(
      "FORBIDDEN",
      `git does not open ${path}: it belongs to another user than the one of the SSH login. Log in as its owner, or run as that user: git config --global --add safe.directory ${path}. See docs/host.md, "Git".`,
      details,
    );
  if (/Permission denied/.test(stderr))
    return new SourceError(
      "FORBIDDEN",
      `The SSH user may not enter ${path}. Give it the right, see docs/host.md, "Git".`,
      details,
    );
  if (/not a git repository/.test(stderr))
    return new SourceError(
      "MISSING",
      `${path} is no git repository, expected a bare one or one with a working tree: another path was meant, or it is damaged, or the folder is empty. Correct \`repositories\` in estate.yaml; before a recovery move what lies there aside.`,
      details,
    );
  return new SourceError(
    "COMMAND_FAILED",
    `git could not say what ${path} is: ${stderr.slice(0, 300)}. Is git 2.29 or newer installed on the host?`,
    details,
  );
}

/** Ids that a state keeps alive, each once. */
export function tipsOf({ head, refs }: RefState): string[] {
  const tips = new Set(Object.values(refs));
  if ("detached" in head) tips.add(head.detached);
  return [...tips].sort();
}

/** Whether the repository still has every one of these objects; after a force-push, until they are pruned. */
export async function hasAll(path: string, ids: readonly string[], tools: GitTools): Promise<boolean> {
  if (ids.length === 0) return true;
  const answer = await readAll(presentCommand(path), tools, lines(ids));
  return !/ missing$/m.test(answer);
}

/** Whether `wanted` reach anything that `known` do not. */
export async function reachesMore(
  path: string,
  { wanted, known }: { readonly wanted: readonly string[]; readonly known: readonly string[] },
  { host, signal }: GitTools,
): Promise<boolean> {
  const input = lines([...wanted, ...known.map((id) => `^${id}`)]);
  for await (const chunk of readOf(host)(newObjectsCommand(path), signal, input))
    if (chunk.length > 0) return true;
  return false;
}

/** What a clone would miss, in words for the operator. */
export async function noteWhatIsNotThere(name: string, path: string, tools: GitTools): Promise<string[]> {
  const answer = await readAll(
    contentsCommand(path),
    tools,
    lines(["HEAD:.gitmodules", "HEAD:.gitattributes"]),
  );
  return [
    ...(answer.startsWith("HEAD:.gitmodules missing")
      ? []
      : [
          `${name} has submodules: their repositories are not in this backup, unless they are named themselves`,
        ]),
    ...(/filter=lfs/.test(answer)
      ? [`${name} uses Git LFS: the backup has the pointers, not the large files`]
      : []),
  ];
}

/** Everything that a command writes, as text. */
export async function readAll(command: string, { host, signal }: GitTools, input?: string): Promise<string> {
  const bytes = await collect(readOf(host)(command, signal, input), REFS_BYTES_LIMIT, command);
  return bytes.toString("utf8");
}

/** Throws `SourceError` UNSUPPORTED where there is no SSH connection. */
export function readOf(host: Host): NonNullable<Host["read"]> {
  const { read } = host;
  if (read !== undefined) return read.bind(host);
  throw new SourceError(
    "UNSUPPORTED",
    "Repositories are reached by SSH only, and there is no SSH connection here.",
  );
}

/** Lines for the standard input of a command. */
export function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join("");
}
