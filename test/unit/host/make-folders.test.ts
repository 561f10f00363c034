import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LocalFiles } from "../../../lambda/engine/host/local-files.ts";
import { makeFolders } from "../../../lambda/engine/host/put-file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "backup-estate-folders-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("the folders above a file that is put back", () => {
  it("are made by two at once, each of which finds the same ones missing", async () => {
    const wanted = ["tls", "settings", "settings/nginx"].map((name) => join(folder, "srv/disk", name));
    await Promise.all(wanted.map((one) => makeFolders(one, new LocalFiles())));
    for (const one of wanted) expect((await stat(one)).isDirectory()).toBe(true);
  });

  it("are refused where something else stands in the place of one", async () => {
    await writeFile(join(folder, "srv"), "a file");
    await expect(makeFolders(join(folder, "srv/disk"), new LocalFiles())).rejects.toMatchObject({
      name: "SourceError",
    });
  });
});
