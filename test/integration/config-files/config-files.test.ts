import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { FileSystem } from "../../../lambda/engine/host/file-system.ts";
import { compareFingerprints } from "../../../lambda/engine/model/fingerprint.ts";
import { config } from "../../../lambda/engine/sources/config.ts";
import { ALL, configFilesOn } from "../../support/config-files.ts";
import {
  makeContext,
  manifestFor,
  readItems,
  type TakenDump,
  toRestoreItems,
} from "../../support/mongodb.ts";
import { type Sshd, startSshd } from "../../support/sshd.ts";
import { withMethods, withoutOwners } from "../../support/wrapped-files.ts";

const NEVER = new AbortController().signal;
const SECRET = "MONGO_PASSWORD=kept-to-itself\n";
let sshd: Sshd;
let folder: string;

beforeAll(async () => {
  sshd = await startSshd();
});
afterAll(() => sshd[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "backup-estate-config-files-"));
  await mkdir(at("srv"));
  await writeFile(at("srv/.env"), SECRET, { mode: 0o600 });
  return () => rm(folder, { recursive: true, force: true });
});

const at = (...path: string[]) => join(folder, ...path);

const { open, take, restore } = configFilesOn(() => ({ sshd, folder }));

describe("a backup of configuration", () => {
  it("is none where a named path is not there, and says which", async () => {
    await expect(take({ paths: ["/srv", "/etc/nginx"] })).rejects.toMatchObject({
      name: "SourceError",
      code: "MISSING",
      message: expect.stringContaining("/etc/nginx"),
    });
  });

  it("is made of what is left before a recovery, which is there to bring the rest back", async () => {
    const paths = ["/srv/.env", "/srv/compose.yaml", "/etc/nginx"];
    await using opened = await open({ paths });
    const dump = opened.session.dump({ proof: "as-read", purpose: "safety" });
    const left: TakenDump = { items: await readItems(dump, 1), summary: await dump.summary() };
    expect(Object.keys(left.summary.fingerprint)).toEqual(["/srv/.env"]);
    await writeFile(at("srv/compose.yaml"), "services: {}\n");
    await restore(left, { paths });
    await expect(lstat(at("srv/compose.yaml"))).rejects.toMatchObject({ code: "ENOENT" });
    const backup = toRestoreItems(left.items);
    expect(
      compareFingerprints(left.summary.fingerprint, await opened.session.fingerprint({ backup })),
    ).toEqual([]);
  });

  it("tells names of variables that a template has and the file has not, and of YAML that is none, never a value", async () => {
    await writeFile(at("srv/.env.example"), "# the mail\nexport SMTP_HOST=\nMONGO_PASSWORD=\n");
    await writeFile(at("srv/docker-compose.yml"), "services: [broken-by-hand\n");
    const { summary } = await take();
    expect(summary.notes).toEqual([
      expect.stringMatching(/docker-compose\.yml is no YAML/),
      expect.stringMatching(
        /\/srv\/\.env\.example names variables that no \.env file beside it has: SMTP_HOST\.$/,
      ),
    ]);
    expect(JSON.stringify(summary)).not.toMatch(/kept-to-itself|broken-by-hand/);
  });

  it("asks for a variable in any file beside its template, and in one that is there", async () => {
    await writeFile(at("srv/.env.example"), "SMTP_HOST=\nMONGO_PASSWORD=\n");
    await writeFile(at("srv/.env.mail"), "SMTP_HOST=mail\n");
    expect((await take()).summary.notes).toBeUndefined();
    const { summary } = await take({ paths: ["/srv/.env.example"] });
    expect(summary.notes).toEqual([expect.stringMatching(/SMTP_HOST, MONGO_PASSWORD\.$/)]);
  });

  it("has digests and sizes that say nothing: the same files give others each time", async () => {
    const [first, second] = [await take(), await take()];
    const hashOf = ({ summary }: TakenDump) => summary.fingerprint["/srv/.env"]?.contentHash;
    expect(hashOf(first)).not.toBe(hashOf(second));
    const sizeOf = ({ items }: TakenDump) => items.get("config/files")?.length;
    expect(sizeOf(first)).not.toBe(sizeOf(second));
  });

  it("reads again what changes under it, and fails where that never ends", async () => {
    let reads = 0;
    const changing = (times: number) => (files: FileSystem) =>
      withOpen(files, async (path) => {
        reads += 1;
        if (reads <= times) await writeFile(path, `CHANGED=${"x".repeat(reads)}\n`);
      });
    const { items } = await take(ALL, changing(2));
    expect(items.get("config/files")?.toString("latin1")).toContain("CHANGED=xx\n");
    reads = 0;
    await expect(take(ALL, changing(99))).rejects.toMatchObject({ code: "FILE_FAILED" });
  });

  it("takes what a named link means, and a link below a folder as one", async () => {
    await mkdir(at("etc/sites"), { recursive: true });
    await writeFile(at("etc/real.conf"), "listen 80;\n");
    await symlink(at("etc/real.conf"), at("etc/nginx.conf"));
    await symlink("../real.conf", at("etc/sites/shop"));
    const options = { paths: ["/etc/nginx.conf", "/etc/sites"] };
    const taken = await take(options);
    await rm(at("etc"), { recursive: true });
    expect(await restore(taken, options)).toEqual([]);
    expect(await readFile(at("etc/nginx.conf"), "utf8")).toBe("listen 80;\n");
    expect(await readlink(at("etc/sites/shop"))).toBe("../real.conf");
  });
});

describe("a drill of configuration", () => {
  const drill = async (taken: TakenDump) => {
    const scratch = await mkdtemp(at("scratch-"));
    const parsed = config.drillFolderConfig?.(scratch, undefined);
    if (parsed === undefined) throw new Error("configuration is drilled in a folder");
    await using session = await config.open(parsed, makeContext(NEVER), "write");
    const items = toRestoreItems(taken.items);
    const manifest = { ...manifestFor(taken.summary), kind: "config" };
    let compared: unknown;
    const beforeReplay = async () => {
      compared = compareFingerprints(taken.summary.fingerprint, await session.fingerprint({ backup: items }));
    };
    const ended = await session
      .restore({ items, manifest, guard: "refuse-non-empty", beforeReplay })
      .catch((error: unknown) => error);
    return { ended, compared };
  };

  it("proves every byte and mode, and that a host could start with them", async () => {
    await writeFile(at("srv/.env.example"), "MONGO_PASSWORD=\n");
    await writeFile(at("srv/compose.yaml"), "services: { app: { image: nginx } }\n");
    expect(await drill(await take())).toEqual({
      ended: expect.objectContaining({ records: 3 }),
      compared: [],
    });
  });

  it.each([
    ["a Compose file that does not parse", "compose.yaml", "services: [broken-by-hand\n", /compose\.yaml/],
    ["a variable that is nowhere", ".env.example", "SMTP_HOST=broken-by-hand\n", /SMTP_HOST/],
  ])("proves nothing with %s, which a recovery gives back and tells", async (_, name, text, told) => {
    await writeFile(at("srv", name), text);
    const taken = await take();
    const { ended, compared } = await drill(taken);
    expect(compared).toEqual([]);
    expect(ended).toMatchObject({
      name: "IntegrityError",
      code: "MALFORMED",
      message: expect.stringMatching(told),
    });
    expect((ended as Error).message).not.toMatch(/broken-by-hand/);
    await rm(at("srv", name));
    await using opened = await open(ALL);
    const items = toRestoreItems(taken.items);
    const manifest = { ...manifestFor(taken.summary), source: "config", kind: "config" };
    const { notes } = await opened.session.restore({ items, manifest, guard: "replace" });
    expect(notes).toEqual([expect.stringMatching(told)]);
    expect(await readFile(at("srv", name), "utf8")).toBe(text);
  });
});

describe("a recovery of configuration", () => {
  it("gives back owner and mode, on a host that has nothing of it", async () => {
    await chown(at("srv/.env"), 1234, 4321);
    await chmod(at("srv/.env"), 0o640);
    const taken = await take();
    await rm(at("srv"), { recursive: true });
    expect(await restore(taken, ALL, "refuse-non-empty")).toEqual([]);
    expect(await readFile(at("srv/.env"), "utf8")).toBe(SECRET);
    const { uid, gid, mode } = await lstat(at("srv/.env"));
    expect([uid, gid, mode & 0o777]).toEqual([1234, 4321, 0o640]);
  });

  it("writes through a named link, and over a link that somebody put into a folder", async () => {
    await mkdir(at("etc"));
    await writeFile(at("etc/real.conf"), "listen 80;\n");
    await symlink(at("etc/real.conf"), at("etc/nginx.conf"));
    const options = { paths: ["/etc/nginx.conf", "/srv"] };
    const taken = await take(options);
    await writeFile(at("etc/real.conf"), "listen 81;\n");
    await writeFile(at("passwords"), "not to be touched");
    await rm(at("srv/.env"));
    await symlink(at("passwords"), at("srv/.env"));
    expect(await restore(taken, options)).toEqual([]);
    expect(await readFile(at("etc/real.conf"), "utf8")).toBe("listen 80;\n");
    expect(await readFile(at("passwords"), "utf8")).toBe("not to be touched");
    expect((await lstat(at("srv/.env"))).isSymbolicLink()).toBe(false);
  });

  it("makes a folder again that is a link or a file now, and writes nothing to where the link leads", async () => {
    for (const name of ["sites", "certs"]) {
      await mkdir(at("srv", name));
      await writeFile(at("srv", name, "shop"), "as it was\n");
    }
    const taken = await take();
    await mkdir(at("elsewhere"));
    await writeFile(at("elsewhere/shop"), "not to be touched");
    for (const name of ["sites", "certs"]) await rm(at("srv", name), { recursive: true });
    await symlink(at("elsewhere"), at("srv/sites"));
    await writeFile(at("srv/certs"), "a file now");
    expect(await restore(taken)).toEqual([]);
    expect(await readFile(at("elsewhere/shop"), "utf8")).toBe("not to be touched");
    expect((await lstat(at("srv/sites"))).isDirectory()).toBe(true);
    expect(await readFile(at("srv/certs/shop"), "utf8")).toBe("as it was\n");
  });

  it("is refused for a path that the estate does not name, before anything is changed", async () => {
    await mkdir(at("etc"));
    await writeFile(at("etc/cron"), "old\n");
    const taken = await take({ paths: ["/etc", "/srv"] });
    await writeFile(at("srv/.env"), "now\n");
    await expect(restore(taken)).rejects.toMatchObject({
      name: "RefusedError",
      code: "INPUT_INVALID",
      message: expect.stringContaining("/etc/cron"),
    });
    expect(await readFile(at("srv/.env"), "utf8")).toBe("now\n");
  });

  it("is refused as a user who may not give files to their owners, before anything is changed", async () => {
    const taken = await take();
    await writeFile(at("srv/.env"), "now\n");
    const noGiving = (files: FileSystem) => withoutOwners(files);
    await expect(restore(taken, ALL, "replace", noGiving)).rejects.toMatchObject({
      name: "SourceError",
      code: "FORBIDDEN",
      message: expect.stringContaining("Nothing was changed"),
    });
    expect(await readFile(at("srv/.env"), "utf8")).toBe("now\n");
    expect(await take()).toBeDefined();
  });

  it("is refused of an artifact that does not hold what its manifest says", async () => {
    const taken = await take();
    const bytes = Buffer.from(taken.items.get("config/files") ?? Buffer.alloc(0));
    const place = bytes.indexOf("kept-to-itself");
    bytes[place] = 0x4b;
    const changed = { ...taken, items: new Map([["config/files", bytes]]) };
    await writeFile(at("srv/.env"), "now\n");
    await expect(restore(changed)).rejects.toMatchObject({ code: "FINGERPRINT_DIFFERS" });
    expect(await readFile(at("srv/.env"), "utf8")).toBe("now\n");
  });
});

/** The same files, but that something happens to each before it is opened for reading. */
function withOpen(files: FileSystem, before: (path: string) => Promise<void>): FileSystem {
  return withMethods(files, {
    open: async (path) => {
      const handle = await files.open(path);
      return {
        ...handle,
        facts: () => handle.facts(),
        close: () => handle.close(),
        read: async (offset, length) => {
          const bytes = await handle.read(offset, length);
          await before(path.toString());
          return bytes;
        },
      };
    },
  });
}
