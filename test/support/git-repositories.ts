import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const OUTPUT_LIMIT_BYTES = 64 * 1024 ** 2;
const ENVIRONMENT = {
  PATH: process.env.PATH ?? "/usr/bin:/bin",
  HOME: "/nonexistent",
  LC_ALL: "C.UTF-8",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "سارة",
  GIT_AUTHOR_EMAIL: "sara@example.com",
  GIT_COMMITTER_NAME: "Sam",
  GIT_COMMITTER_EMAIL: "sam@example.com",
  GIT_AUTHOR_DATE: "2026-03-04T05:06:07Z",
  GIT_COMMITTER_DATE: "2026-03-04T05:06:07Z",
};

/** Runs the real git, without the settings of this machine and always at the same moment; answers what it prints. */
export async function git(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await run("git", ["-C", folder, ...args], {
    env: ENVIRONMENT,
    maxBuffer: OUTPUT_LIMIT_BYTES,
  });
  return stdout.trim();
}

/** A bare repository without commits; `main` is what its HEAD names. */
export async function initBare(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await git(path, "init", "--quiet", "--bare", "--initial-branch=main", ".");
}

/** Commits a file onto a branch of a bare repository, and answers the commit's id. */
export async function commitFile(
  path: string,
  branch: string,
  {
    name,
    content,
    message,
  }: { readonly name: string; readonly content: Buffer | string; readonly message: string },
): Promise<string> {
  const spare = join(path, "spare");
  await writeFile(spare, content);
  const blob = await git(path, "hash-object", "-w", spare);
  const parent = await git(path, "rev-parse", "--verify", "--quiet", branch).catch(() => "");
  const index = join(path, `index-${randomBytes(4).toString("hex")}`);
  const withIndex = async (...args: string[]) =>
    (
      await run("git", ["-C", path, ...args], { env: { ...ENVIRONMENT, GIT_INDEX_FILE: index } })
    ).stdout.trim();
  if (parent !== "") await withIndex("read-tree", parent);
  await withIndex("update-index", "--add", "--cacheinfo", `100644,${blob},${name}`);
  const tree = await withIndex("write-tree");
  const onto = parent === "" ? [] : ["-p", parent];
  const id = await git(path, "commit-tree", tree, ...onto, "-m", message);
  await git(path, "update-ref", `refs/heads/${branch}`, id);
  return id;
}

/** What a repository holds, by git's own word: HEAD, refs, and every object that they reach. */
export async function judgeRepository(path: string): Promise<object> {
  const head = await git(path, "symbolic-ref", "HEAD").catch(() => git(path, "rev-parse", "HEAD"));
  const refs = await git(path, "for-each-ref", "--format=%(objectname) %(refname)");
  const objects = await git(path, "rev-list", "--objects", "--all", "--no-object-names");
  return { head, refs: refs.split("\n"), objects: objects.split("\n").sort() };
}
