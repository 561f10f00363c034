import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSshd } from "../../../support/sshd.ts";
import { judgeTree } from "../../../support/tree-oracle.ts";
import type { Place, SourceWorld } from "../world.ts";

const FILE_BYTES = 750_000;
const OLD = new Date("2025-03-04T05:06:07Z");

/** A folder of configuration on a host with a real sshd. */
export async function startConfigWorld(): Promise<SourceWorld> {
  const sshd = await startSshd();
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-config-"));
  const root = (place: Place) => join(folder, place, "srv");
  for (const place of ["source", "target"] as const) await mkdir(root(place), { recursive: true });
  const at = (place: Place, ...path: string[]) => join(root(place), ...path);
  /** Both places get the same change at different moments, and time is a part of what is judged. */
  const settle = (place: Place, path: string) => utimes(at(place, path), OLD, OLD);
  const put = async (place: Place, path: string, text: string, mode = 0o644) => {
    await mkdir(join(at(place, path), ".."), { recursive: true });
    await writeFile(at(place, path), text, { mode });
    await settle(place, path);
  };
  const { host, privateKey } = sshd;
  return {
    ssh: { host, privateKey },
    configOf: (place) => ({ paths: ["/srv"], root: join(folder, place) }),
    clear: async (place) => {
      for (const name of await readdir(root(place)))
        await rm(at(place, name), { recursive: true, force: true });
    },
    fill: (place) => fill({ at, put, settle }, place),
    grow: async (place, bytes) => {
      const count = (await readdir(root(place))).length;
      for (let n = 0; n * FILE_BYTES < bytes; n++) {
        const noise = Buffer.from(crypto.getRandomValues(new Uint32Array(64)).buffer).toString("hex");
        await put(place, `bulk-${count + n}.conf`, noise.repeat(Math.ceil(FILE_BYTES / noise.length)));
      }
    },
    judge: (place) => judgeTree(root(place)),
    changes: {
      "another password of the same length": (place) =>
        put(place, "erp/.env", "MONGO_PASSWORD=eno\nAPI_KEY=two\n", 0o600),
      "one more byte": async (place) => {
        await appendFile(at(place, "nginx/empty.conf"), "\n");
        await settle(place, "nginx/empty.conf");
      },
      "another mode": (place) => chmod(at(place, "erp/.env"), 0o644),
      "another target of a link": async (place) => {
        await rm(at(place, "nginx/sites-enabled/shop"));
        await symlink("../empty.conf", at(place, "nginx/sites-enabled/shop"));
      },
      "two files swapped": async (place) => {
        await rename(at(place, "erp/.env"), at(place, "spare"));
        await rename(at(place, "erp/.env.example"), at(place, "erp/.env"));
        await rename(at(place, "spare"), at(place, "erp/.env.example"));
      },
      "a file less": (place) => rm(at(place, "erp/compose.yaml")),
      "a file more": (place) => put(place, "erp/.env.local", "X=1\n"),
    },
    async [Symbol.asyncDispose]() {
      await sshd[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Means {
  at(place: Place, ...path: string[]): string;
  put(place: Place, path: string, text: string, mode?: number): Promise<void>;
  settle(place: Place, path: string): Promise<void>;
}

async function fill({ at, put, settle }: Means, place: Place): Promise<void> {
  await put(place, "erp/.env", "MONGO_PASSWORD=one\nAPI_KEY=two\n", 0o600);
  await put(place, "erp/.env.example", "MONGO_PASSWORD=\nAPI_KEY=\nSMTP_HOST=\n");
  await put(place, "erp/compose.yaml", "services:\n  app:\n    image: erp\n");
  await put(place, "erp/compose.broken.yml", "services: [\n");
  await put(place, "nginx/sites-available/متجر.conf", "server { listen 80; }\n", 0o640);
  await put(place, "nginx/empty.conf", "");
  await mkdir(at(place, "nginx/sites-enabled"), { mode: 0o750 });
  await symlink("../sites-available/متجر.conf", at(place, "nginx/sites-enabled/shop"));
  await mkdir(at(place, "nginx/conf.d"), { mode: 0o711 });
  for (const path of ["nginx/sites-enabled", "nginx/sites-available", "nginx/conf.d", "nginx", "erp"])
    await settle(place, path);
}
