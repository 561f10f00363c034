import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commitFile, git, initBare, judgeRepository } from "../../../support/git-repositories.ts";
import { startSshd } from "../../../support/sshd.ts";
import type { Place, SourceWorld } from "../world.ts";

const NAMES = ["erp", "web"];
const FILE_BYTES = 1_000_000;

/** Two bare repositories a place, on a host with a real sshd and the real git. */
export async function startGitWorld(): Promise<SourceWorld> {
  const sshd = await startSshd();
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-git-"));
  const at = (place: Place, name = "erp") => join(folder, place, `${name}.git`);
  const clear = async (place: Place) => {
    await rm(join(folder, place), { recursive: true, force: true });
    for (const name of NAMES) await initBare(at(place, name));
  };
  for (const place of ["source", "target"] as const) await clear(place);
  const { host, privateKey } = sshd;
  return {
    ssh: { host, privateKey },
    configOf: (place) => ({
      repositories: Object.fromEntries(NAMES.map((name) => [name, at(place, name)])),
    }),
    clear,
    fill: (place) => fill(at(place)),
    grow: async (place, bytes) => {
      for (let n = 0; n * FILE_BYTES < bytes; n++)
        await commitFile(at(place, "web"), "main", {
          name: `bulk-${randomBytes(4).toString("hex")}.bin`,
          content: randomBytes(FILE_BYTES),
          message: "bulk",
        });
    },
    judge: async (place) => Promise.all(NAMES.map((name) => judgeRepository(at(place, name)))),
    changes: {
      "one more commit": (place) =>
        commitFile(at(place), "main", { name: "more", content: "more", message: "more" }),
      "another message of the last commit": async (place) => {
        const path = at(place);
        const tree = await git(path, "rev-parse", "main^{tree}");
        const id = await git(path, "commit-tree", tree, "-p", "main^", "-m", "other words");
        await git(path, "update-ref", "refs/heads/main", id);
      },
      "another branch as HEAD": (place) => git(at(place), "symbolic-ref", "HEAD", "refs/heads/متجر"),
      "a tag less": (place) => git(at(place), "update-ref", "-d", "refs/tags/v1"),
      "a branch on another commit": (place) => git(at(place), "update-ref", "refs/heads/متجر", "main^"),
      "a note more": (place) => git(at(place), "notes", "add", "-m", "looked at", "main"),
    },
    async [Symbol.asyncDispose]() {
      await sshd[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function fill(path: string): Promise<void> {
  await commitFile(path, "main", { name: "README", content: "مرحبا\n", message: "begin" });
  await commitFile(path, "main", { name: "فاتورة.txt", content: "invoice\n", message: "الفاتورة" });
  await commitFile(path, "main", { name: "README", content: "", message: "empty it" });
  await git(path, "update-ref", "refs/heads/متجر", "main");
  await commitFile(path, "متجر", { name: "shop", content: "shop\n", message: "shop" });
  await git(path, "tag", "-a", "v1", "-m", "first", "main^");
  await git(path, "tag", "light", "main");
}
