import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSshd } from "../../../support/sshd.ts";
import { judgeTree } from "../../../support/tree-oracle.ts";
import type { Place, SourceWorld } from "../world.ts";

const FILE_BYTES = 40_000;
const OLD = new Date("2025-03-04T05:06:07Z");

/** Two folders on a host with a real sshd and its SFTP server. */
export async function startFilesWorld(): Promise<SourceWorld> {
  const sshd = await startSshd();
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-files-"));
  const at = (place: Place, ...path: string[]) => join(folder, place, ...path);
  await mkdir(at("source"));
  await mkdir(at("target"));
  const { host, privateKey } = sshd;
  return {
    ssh: { host, privateKey },
    configOf: (place) => ({ folders: { uploads: at(place) } }),
    clear: async (place) => {
      for (const name of await readdir(at(place))) await rm(at(place, name), { recursive: true });
    },
    fill: async (place) => fill((...path) => at(place, ...path)),
    grow: async (place, bytes) => {
      await mkdir(at(place, "bulk"), { recursive: true });
      const count = (await readdir(at(place, "bulk"))).length;
      for (let n = 0; n * FILE_BYTES < bytes; n++)
        await writeFile(
          at(place, "bulk", `${count + n}.bin`),
          crypto.getRandomValues(new Uint8Array(FILE_BYTES)),
        );
    },
    judge: (place) => judgeTree(at(place)),
    changes: {
      "one changed byte": (place) => rewrite(at(place, "invoices", "2.txt"), "invoice 3"),
      "one changed mode": (place) => chmod(at(place, "invoices", "1.txt"), 0o600),
      "one changed time": (place) =>
        utimes(at(place, "invoices", "1.txt"), OLD, new Date(OLD.getTime() + 1_000)),
      "a swapped name": async (place) => {
        await rename(at(place, "invoices", "1.txt"), at(place, "spare"));
        await rename(at(place, "invoices", "2.txt"), at(place, "invoices", "1.txt"));
        await rename(at(place, "spare"), at(place, "invoices", "2.txt"));
        await settle(at(place, "invoices"));
      },
      "a lost empty folder": async (place) => rm(at(place, "empty"), { recursive: true }),
      "another target of a link": async (place) => {
        await rm(at(place, "latest"));
        await symlink("invoices/1.txt", at(place, "latest"));
      },
    },
    async [Symbol.asyncDispose]() {
      await sshd[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function fill(at: (...path: string[]) => string): Promise<void> {
  await mkdir(at("invoices"));
  await mkdir(at("empty"));
  await rewrite(at("invoices", "1.txt"), "invoice 1 فاتورة");
  await rewrite(at("invoices", "2.txt"), "invoice 2");
  await chmod(at("invoices", "2.txt"), 0o4750);
  await rewrite(at("nothing"), "");
  await truncate(at("nothing"), 300_000);
  await rewrite(at("a\nname with a line break and 'quotes'"), "odd");
  await symlink("invoices/2.txt", at("latest"));
  await settle(at("invoices"));
  await settle(at("empty"));
}

async function rewrite(path: string, text: string): Promise<void> {
  await writeFile(path, text);
  await settle(path);
}

function settle(path: string): Promise<void> {
  return utimes(path, OLD, OLD);
}
