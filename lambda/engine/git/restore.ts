import { posix } from "node:path";
import type { FileSystem } from "../host/file-system.ts";
import { makeFolders } from "../host/put-file.ts";
import { IntegrityError, RefusedError, throwIfAborted } from "../model/errors.ts";
import type { RestoreItem, RestoreReport, TargetGuard } from "../sources/source.ts";
import { openBundle } from "./bundle-header.ts";
import {
  checkoutCommand,
  detachHeadCommand,
  fetchCommand,
  initCommand,
  OWN_REFS,
  ownRefsCommand,
  setHeadCommand,
  updateRefsCommand,
} from "./commands.ts";
import type { GitConfig } from "./config.ts";
import type { GitIndex, RepositoryState } from "./index-file.ts";
import { type GitTools, lines, type RefState, readAll, readState } from "./repository.ts";

/** sshd takes packets of 256 KiB. Source: OpenSSH, `SFTP_MAX_MSG_LENGTH`. */
const PIECE_BYTES = 128 * 1024;
const ID_DIGITS = { sha1: 40, sha256: 64 } as const;

export interface RestoreTools extends GitTools {
  readonly config: GitConfig;
  readonly files: FileSystem;
  readonly guard: TargetGuard;
  readonly beforeChange?: () => Promise<void>;
  newName(): string;
}

/** One repository that comes back, and what lies in its place. */
interface Target {
  readonly name: string;
  readonly path: string;
  readonly wanted: RepositoryState;
  readonly there: RefState | undefined;
  /** Beside the repository, for the time of the restore. */
  readonly folder: string;
}

/**
 * Puts refs, HEAD and every object behind them back, by the host's own git. All bundles are on the host and have the
 * digests that they end in before anything is changed; refs change in one transaction a repository, or two where names stand
 * in each other's way, and only from what they were when the restore began. A working tree is
 * checked out only where there was none. Repeatable. Throws `IntegrityError`, `RefusedError`, `SourceError`.
 */
export async function restoreRepositories(
  { repositories }: GitIndex,
  items: readonly RestoreItem[],
  tools: RestoreTools,
): Promise<RestoreReport> {
  const targets: Target[] = [];
  for (const [name, wanted] of Object.entries(repositories)) targets.push(await judge(name, wanted, tools));
  const full = targets.filter(({ there }) => there !== undefined && Object.keys(there.refs).length > 0);
  if (tools.guard === "refuse-non-empty" && full.length > 0) throw notEmpty(full);
  const report = { records: 0, replayedOperations: 0, bytes: 0, notes: [] as string[] };
  try {
    for (const target of targets) report.bytes += await send(target, items, tools);
    await tools.beforeChange?.();
    for (const target of targets) {
      throwIfAborted(tools.signal);
      report.notes.push(...(await putBack(target, tools)));
      report.records += Object.keys(target.wanted.refs).length;
    }
  } finally {
    for (const target of targets) await removeFolder(target, tools.files);
  }
  return report;
}

async function judge(name: string, wanted: RepositoryState, tools: RestoreTools): Promise<Target> {
  const path = Object.hasOwn(tools.config.repositories, name) ? tools.config.repositories[name] : undefined;
  if (path === undefined) throw notNamed(name);
  const there = await readState(path, tools);
  if (there !== undefined && there.objectFormat !== wanted.objectFormat)
    throw otherFormat(path, there, wanted);
  const folder = posix.join(posix.dirname(path), `.${tools.newName()}.backup-estate`);
  return { name, path, wanted, there, folder };
}

/** Bytes that were sent. */
async function send(
  { wanted, folder }: Target,
  items: readonly RestoreItem[],
  { files, signal }: RestoreTools,
): Promise<number> {
  if (wanted.bundles.length === 0) return 0;
  await makeFolders(folder, files);
  let bytes = 0;
  for (const [number, name] of wanted.bundles.entries()) {
    throwIfAborted(signal);
    const item = items.find((candidate) => candidate.name === name);
    if (item === undefined) throw missing(name);
    bytes += await sendBundle(item, posix.join(folder, String(number)), files);
  }
  return bytes;
}

async function sendBundle(item: RestoreItem, path: string, files: FileSystem): Promise<number> {
  const file = await files.create(Buffer.from(path));
  let at = 0;
  const write = async function* (source: AsyncIterable<Uint8Array>) {
    for await (const chunk of source) {
      for (let from = 0; from < chunk.length; from += PIECE_BYTES) {
        const piece = chunk.subarray(from, from + PIECE_BYTES);
        await file.write(at, piece);
        at += piece.length;
      }
      yield chunk;
    }
  };
  try {
    const { pack } = await openBundle(item.name, write(item.open()));
    for await (const _chunk of pack);
    if (at !== item.plainBytes) throw cut(item, at);
    await file.finish(at, { mode: 0o600 });
  } catch (error) {
    await file.abandon();
    throw error;
  }
  return at;
}

/** Notes of what is left to do by hand. */
async function putBack(target: Target, tools: RestoreTools): Promise<string[]> {
  const { path, wanted, there, name } = target;
  const bare = there?.bare ?? wanted.bare;
  if (there === undefined) await run(initCommand(path, bare, wanted.objectFormat), tools);
  try {
    await takeIn(target, tools);
    await setRefs(target, tools);
  } catch (error) {
    const left = await ownRefs(path, tools).catch(() => []);
    if (left.length > 0) await updateRefs(path, left, tools).catch(() => undefined);
    throw error;
  }
  const { head } = wanted;
  await run("ref" in head ? setHeadCommand(path, head.ref) : detachHeadCommand(path, head.detached), tools);
  if (bare) return [];
  if (there !== undefined)
    return [
      `the working tree of ${name} at ${path} was left as it was: save what is not committed (\`git stash -u\`), then \`git reset --hard\` brings it to what was recovered`,
    ];
  const unborn = "ref" in head && wanted.refs[head.ref] === undefined;
  if (!unborn) await run(checkoutCommand(path), tools);
  return [];
}

/** The objects of every bundle, each kept alive by refs of this restore's own for those that build upon it. */
async function takeIn({ path, wanted, folder }: Target, tools: RestoreTools): Promise<void> {
  const own = `${OWN_REFS}/${posix.basename(folder).slice(1).split(".")[0]}`;
  for (const number of wanted.bundles.keys()) {
    const bundle = posix.join(folder, String(number));
    await run(fetchCommand(path, bundle, [`+refs/*:${own}/${number}/*`]), tools);
    // A detached HEAD is in those bundles only that were made while it was.
    if ("detached" in wanted.head)
      await tools.host.run(fetchCommand(path, bundle, [`+HEAD:${own}/${number}-head`]), tools.signal);
  }
}

/** Refs as the backup has them, from those that were there when the restore began: who pushed since is not overwritten. */
async function setRefs({ path, wanted, there }: Target, tools: RestoreTools): Promise<void> {
  const { first, second } = planRefs(there?.refs ?? {}, wanted);
  if (first.length > 0) await updateRefs(path, first, tools);
  await updateRefs(path, [...second, ...(await ownRefs(path, tools))], tools);
}

/**
 * Lines of one transaction; of two only where a ref that goes stands in the way of one that comes, as `a` does of `a/b`.
 * Each names what it expects to find. Pure.
 */
export function planRefs(
  before: Readonly<Record<string, string>>,
  { refs: wanted, objectFormat }: Pick<RepositoryState, "refs" | "objectFormat">,
): { readonly first: readonly string[]; readonly second: readonly string[] } {
  const nothing = "0".repeat(ID_DIGITS[objectFormat]);
  const gone = Object.keys(before).filter((ref) => wanted[ref] === undefined);
  const deletes = gone.map((ref) => `delete ${ref} ${before[ref]}`);
  const updates = Object.entries(wanted).map(([ref, id]) => `update ${ref} ${id} ${before[ref] ?? nothing}`);
  const names = Object.keys(wanted);
  const collide = gone.some((ref) =>
    names.some((name) => name.startsWith(`${ref}/`) || ref.startsWith(`${name}/`)),
  );
  return collide ? { first: deletes, second: updates } : { first: [], second: [...deletes, ...updates] };
}

/** Lines that take away what this restore, or one that broke, put there for its time. */
async function ownRefs(path: string, tools: RestoreTools): Promise<string[]> {
  const text = await readAll(ownRefsCommand(path), tools);
  return text
    .split("\n")
    .filter((ref) => ref !== "")
    .map((ref) => `delete ${ref}`);
}

async function updateRefs(path: string, updates: readonly string[], tools: RestoreTools): Promise<void> {
  await readAll(updateRefsCommand(path), tools, lines(updates));
}

/** As long as it says something now and then: the objects of a large repository take longer than a short command may. */
async function run(command: string, tools: GitTools): Promise<void> {
  await readAll(command, tools);
}

async function removeFolder({ folder, wanted }: Target, files: FileSystem): Promise<void> {
  if (wanted.bundles.length === 0) return;
  for (const number of wanted.bundles.keys())
    await files.removeFile(Buffer.from(posix.join(folder, String(number)))).catch(() => undefined);
  await files.removeFolder(Buffer.from(folder)).catch(() => undefined);
}

function notNamed(name: string): RefusedError {
  return new RefusedError(
    "INPUT_INVALID",
    `The backup holds the repository ${name}, which estate.yaml does not name. Name it in \`repositories\`; nothing was changed.`,
    { facts: { repository: name } },
  );
}

function otherFormat(
  path: string,
  { objectFormat: got }: Pick<RefState, "objectFormat">,
  { objectFormat: expected }: RepositoryState,
): RefusedError {
  return new RefusedError(
    "INPUT_INVALID",
    `The repository at ${path} has ids by ${got}, the backup by ${expected}: one cannot become the other. Nothing was changed; move it aside and start again.`,
    { facts: { path, got, expected } },
  );
}

function notEmpty(full: readonly Target[]): RefusedError {
  const named = full.map(({ name }) => name).join(", ");
  return new RefusedError(
    "TARGET_NOT_EMPTY",
    `There are commits already in ${named}. Nothing was changed; say "guard": "replace" to set their refs back.`,
    { facts: { repositories: full.map(({ name }) => name) } },
  );
}

function missing(name: string): IntegrityError {
  return new IntegrityError(
    "ARTIFACT_MISSING",
    `The backup has no ${name}, which its index names. Nothing was changed; take another recovery point.`,
    { facts: { name } },
  );
}

function cut({ name, plainBytes }: RestoreItem, got: number): IntegrityError {
  return new IntegrityError(
    "SIZE_MISMATCH",
    `${name} has ${got} bytes, expected ${plainBytes}. Nothing was changed; take another recovery point.`,
    { facts: { name, got, plainBytes } },
  );
}
