import { chown, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { commitFile, git, initBare, judgeRepository } from "../../support/git-repositories.ts";
import { type GitWorld, startGitWorld } from "../../support/git-world.ts";

const NEVER = new AbortController().signal;
let world: GitWorld;
let count = 0;
let path: string;

beforeAll(async () => {
  world = await startGitWorld(NEVER);
});
afterAll(async () => world?.[Symbol.asyncDispose]());
beforeEach(async () => {
  count += 1;
  path = world.path(`source-${count}.git`);
  await initBare(path);
});
afterEach(() => world.wrap((host) => host));

const commit = (name: string, content = name, branch = "main") =>
  commitFile(path, branch, { name, content, message: `add ${name}` });
const beside = () => world.path(`restored-${count}.git`);

/** Restored into nothing and drilled: the same by git's own word, and by the fingerprint of a real git server. */
async function expectWhole(backup: Awaited<ReturnType<GitWorld["backUp"]>>) {
  await rm(beside(), { recursive: true, force: true });
  await world.restore(backup, { erp: beside() });
  expect(await judgeRepository(beside())).toEqual(await judgeRepository(path));
  expect(await world.drill(backup)).toEqual(backup.summary.fingerprint);
}

describe("a backup of a repository", () => {
  it("is proven by a real git server, and comes back with every ref and object", async () => {
    await commit("README");
    await git(path, "tag", "-a", "v1", "-m", "first", "main");
    await commit("فاتورة", "invoice", "متجر");
    await expectWhole(await world.backUp({ erp: path }));
  });

  it("of one without commits is its index alone, and comes back without commits", async () => {
    const backup = await world.backUp({ erp: path });
    expect([...backup.items.keys()]).toEqual(["index.json"]);
    expect(await world.drill(backup)).toEqual(backup.summary.fingerprint);
    await world.restore(backup, { erp: beside() });
    expect(await git(beside(), "symbolic-ref", "HEAD")).toBe("refs/heads/main");
  });

  it("stores only what is new since the one before, and takes the rest over", async () => {
    await commit("first", "x".repeat(200_000));
    const first = await world.backUp({ erp: path });
    await commit("second");
    const second = await world.backUp({ erp: path }, { before: first });
    expect(second.reused).toEqual(["erp/bundle-0001"]);
    expect(second.items.get("erp/bundle-0002")?.length).toBeLessThan(2_000);
    await expectWhole(second);
    const third = await world.backUp({ erp: path }, { before: second });
    expect(third.reused).toEqual(["erp/bundle-0001", "erp/bundle-0002"]);
    expect(third.items.size).toBe(3);
    await expectWhole(third);
  });

  it("follows a branch that was set back, and one that is gone, without storing anything", async () => {
    await commit("first");
    await commit("second");
    await git(path, "branch", "side", "main");
    const before = await world.backUp({ erp: path });
    await git(path, "update-ref", "refs/heads/main", "main^");
    await git(path, "update-ref", "-d", "refs/heads/side");
    const after = await world.backUp({ erp: path }, { before });
    expect(after.reused).toEqual(["erp/bundle-0001"]);
    expect(after.items.size).toBe(2);
    await rm(beside(), { recursive: true, force: true });
    await world.restore(after, { erp: beside() });
    expect(await git(beside(), "for-each-ref")).toBe(await git(path, "for-each-ref"));
  });

  it.each([
    ["while the objects before are still there", false, ["erp/bundle-0001"]],
    ["also when they were pruned: then all of it is read again", true, []],
  ])("holds a history that was rewritten by force, %s", async (_when, prune, reused) => {
    await commit("first");
    await commit("secret");
    const before = await world.backUp({ erp: path });
    const tree = await git(path, "rev-parse", "main^^{tree}");
    const other = await git(path, "commit-tree", tree, "-m", "begin anew");
    await git(path, "update-ref", "refs/heads/main", other);
    await commit("third");
    if (prune) await git(path, "-c", "gc.reflogExpire=now", "gc", "--quiet", "--prune=now");
    const after = await world.backUp({ erp: path }, { before });
    expect(after.reused).toEqual(reused);
    await expectWhole(after);
  });

  it("keeps a HEAD that names a commit, and one that names another branch", async () => {
    await commit("first");
    await commit("second");
    await git(path, "update-ref", "--no-deref", "HEAD", "main^");
    const backup = await world.backUp({ erp: path });
    await world.restore(backup, { erp: beside() });
    expect(await git(beside(), "rev-parse", "HEAD")).toBe(await git(path, "rev-parse", "main^"));
    await expect(git(beside(), "symbolic-ref", "--quiet", "HEAD")).rejects.toThrow();
  });

  it("takes refs of any name that git allows", async () => {
    const tip = await commit("first");
    for (const ref of ["refs/heads/it's", "refs/heads/$(reboot)", "refs/tags/ü/β;x", "refs/custom/a&b"])
      await git(path, "update-ref", ref, tip);
    await expectWhole(await world.backUp({ erp: path }));
  });

  it("leaves out refs that only stand for others, and a restore leaves those of the target alone", async () => {
    const tip = await commit("first");
    await git(path, "update-ref", "refs/remotes/origin/main", tip);
    await git(path, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main");
    const backup = await world.backUp({ erp: path });
    await commit("second");
    await world.restore(backup, { erp: path }, "replace");
    expect(await git(path, "rev-parse", "main")).toBe(tip);
    expect(await git(path, "symbolic-ref", "refs/remotes/origin/HEAD")).toBe("refs/remotes/origin/main");
    expect(await git(path, "for-each-ref", "refs/backup-estate")).toBe("");
  });

  it("is not put over a push that came while it was restored", async () => {
    await commit("first");
    const backup = await world.backUp({ erp: path });
    await commit("second");
    let pushed = "";
    world.wrap((host) => ({
      ...bare(host),
      read: async function* (command, signal, input) {
        if (command.includes("update-ref") && pushed === "") pushed = await commit("meanwhile");
        yield* host.read?.(command, signal, input) ?? [];
      },
    }));
    await expect(world.restore(backup, { erp: path }, "replace")).rejects.toMatchObject({
      code: "COMMAND_FAILED",
    });
    expect(await git(path, "rev-parse", "main")).toBe(pushed);
    expect(await git(path, "for-each-ref", "refs/backup-estate")).toBe("");
  });

  it("names submodules and Git LFS, which it does not hold", async () => {
    await commit(".gitmodules", '[submodule "lib"]\n\tpath = lib\n\turl = ../lib\n');
    await commit(".gitattributes", "*.psd filter=lfs diff=lfs\n");
    const { summary } = await world.backUp({ erp: path });
    expect(summary.notes?.join()).toMatch(/erp has submodules.*erp uses Git LFS/s);
    const plain = await commit("README", "x", "plain");
    await git(path, "update-ref", "refs/heads/main", plain);
    expect((await world.backUp({ erp: path })).summary.notes).toBeUndefined();
  });

  it("is a failure where the repository has vanished, or something else lies there", async () => {
    await expect(world.backUp({ erp: world.path("nowhere.git") })).rejects.toMatchObject({ code: "MISSING" });
    const folder = world.path(`folder-${count}`);
    await mkdir(folder);
    await expect(world.backUp({ erp: folder })).rejects.toThrow(/is no git repository/);
  });

  it("is a failure where the repository has vanished out of a folder that lies in another one", async () => {
    const above = world.path(`above-${count}`);
    await git(world.folder, "init", "--quiet", "--initial-branch=main", above);
    await git(above, "commit", "--quiet", "--allow-empty", "-m", "of another repository");
    await mkdir(join(above, "inner"));
    await expect(world.backUp({ erp: join(above, "inner") })).rejects.toMatchObject({ code: "MISSING" });
  });

  it("is refused of a shallow clone, from which nothing could be cloned", async () => {
    await commit("first");
    await commit("second");
    const shallow = world.path(`shallow-${count}.git`);
    await git(world.folder, "clone", "--quiet", "--bare", "--depth=1", `file://${path}`, shallow);
    await expect(world.backUp({ erp: shallow })).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining("--unshallow"),
    });
  });

  it("is refused with what to do where the repository belongs to somebody else", async () => {
    await commit("first");
    await chown(path, 12_345, 12_345);
    await expect(world.backUp({ erp: path })).rejects.toMatchObject({
      code: "FORBIDDEN",
      message: expect.stringContaining("safe.directory"),
    });
  });

  it("is none where somebody pushes while it is read", async () => {
    await commit("first");
    world.wrap((host) => ({
      ...bare(host),
      read: async function* (command, signal, input) {
        yield* host.read?.(command, signal, input) ?? [];
        if (command.includes("bundle create")) await commit("meanwhile");
      },
    }));
    await expect(world.backUp({ erp: path })).rejects.toThrow(/pushed to .* while it was read/);
  });

  it("is none where git ends with an error after some of it", async () => {
    await commit("first", "x".repeat(50_000));
    world.wrap((host) => ({
      ...bare(host),
      read: (command, signal, input) =>
        host.read?.(command.includes("bundle create") ? `${command}; exit 3` : command, signal, input) ??
        none(),
    }));
    await expect(world.backUp({ erp: path })).rejects.toMatchObject({ code: "COMMAND_FAILED" });
  });
});

describe("the drill", () => {
  it("finds a bundle that is of another state than its index says", async () => {
    await commit("first");
    const first = await world.backUp({ erp: path });
    await commit("second");
    const second = await world.backUp({ erp: path });
    const mixed = {
      ...second,
      items: new Map([
        ...second.items,
        ["erp/bundle-0001", first.items.get("erp/bundle-0001") ?? Buffer.alloc(0)],
      ]),
    };
    await expect(world.drill(mixed)).rejects.toMatchObject({ name: "IntegrityError" });
  });

  it("finds one changed byte of a pack", async () => {
    await commit("first", "x".repeat(5_000));
    const backup = await world.backUp({ erp: path });
    const bytes = Buffer.from(backup.items.get("erp/bundle-0001") ?? []);
    const at = bytes.length - 40;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const damaged = { ...backup, items: new Map([...backup.items, ["erp/bundle-0001", bytes]]) };
    await expect(world.drill(damaged)).rejects.toMatchObject({ name: "IntegrityError" });
  });
});

describe("a recovery of a repository with a working tree", () => {
  it("checks the files out where there was nothing", async () => {
    const work = world.path(`work-${count}`);
    await git(world.folder, "init", "--quiet", "--initial-branch=main", work);
    await writeFile(join(work, "app.js"), "one\n");
    await git(work, "add", "-A");
    await git(work, "commit", "--quiet", "-m", "one");
    const backup = await world.backUp({ erp: work });
    await rm(work, { recursive: true });
    expect(await world.restore(backup, { erp: work })).toEqual([]);
    expect(await readFile(join(work, "app.js"), "utf8")).toBe("one\n");
    expect(await git(work, "status", "--porcelain")).toBe("");
  });

  it("sets its refs back, leaves its files as they are, and says so", async () => {
    const work = world.path(`work-${count}`);
    await git(world.folder, "init", "--quiet", "--initial-branch=main", work);
    await writeFile(join(work, "app.js"), "one\n");
    await git(work, "add", "-A");
    await git(work, "commit", "--quiet", "-m", "one");
    const one = await git(work, "rev-parse", "HEAD");
    const backup = await world.backUp({ erp: work });
    await writeFile(join(work, "app.js"), "two\n");
    await git(work, "commit", "--quiet", "-a", "-m", "two");
    await expect(world.restore(backup, { erp: work })).rejects.toMatchObject({ code: "TARGET_NOT_EMPTY" });
    expect((await world.restore(backup, { erp: work }, "replace")).join()).toMatch(
      /working tree of erp at .* was left/,
    );
    expect(await git(work, "rev-parse", "HEAD")).toBe(one);
    expect(await readFile(join(work, "app.js"), "utf8")).toBe("two\n");
  });

  it("replaces a branch that stands in the way of one of its own", async () => {
    await commit("first", "x", "release/1");
    const backup = await world.backUp({ erp: path });
    await initBare(beside());
    const tip = await commitFile(beside(), "other", { name: "a", content: "a", message: "a" });
    await git(beside(), "update-ref", "refs/heads/release", tip);
    await world.restore(backup, { erp: beside() }, "replace");
    expect(await git(beside(), "for-each-ref")).toBe(await git(path, "for-each-ref"));
  });
});

/** A host without its class, so that parts of it can be changed. */
function bare(host: Parameters<Parameters<GitWorld["wrap"]>[0]>[0]) {
  return {
    reach: host.reach.bind(host),
    openProxy: host.openProxy.bind(host),
    run: host.run.bind(host),
    anew: host.anew.bind(host),
    files: () => host.files?.() ?? Promise.reject(new Error("no files")),
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

async function* none(): AsyncGenerator<Uint8Array> {}
