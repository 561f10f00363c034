import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ObjectStore } from "../servers/object-store.ts";
import type { RedisServer } from "../servers/redis.ts";
import { type Accounting, accountingSourceOf } from "./accounting.ts";
import type { Front } from "./front.ts";
import { objectsSourceOf } from "./objects.ts";

const SESSIONS = 2_000;
const INVOICES = 40;
const SCAN_BYTES = 30_000;
const PASSWORD_SECRET = "company/redis";

/** What a company has beside its database: sessions in a Redis, uploads in a folder, its configuration, and a TLS server. */
export interface Others {
  readonly redis: RedisServer;
  readonly redisPassword: string;
  readonly uploadsFolder: string;
  readonly settingsFolder: string;
  /** A bare repository of git; only in a rehearsal of everything. */
  readonly repositoryPath?: string;
  /** Buckets; only in a rehearsal of everything. */
  readonly objects?: ObjectStore | undefined;
  /** What an application tells by its API alone; only in a rehearsal of everything. */
  readonly accounting?: Pick<Accounting, "port" | "token" | "read"> | undefined;
  readonly front: Front;
}

/** What is filled by us; chain and key are there with their server. */
type Filled = Omit<Others, "front">;

/** Puts some of everything into them. */
export async function fillOthers(others: Filled): Promise<void> {
  await fillRedis(others);
  await fillUploads(others.uploadsFolder);
  await fillSettings(others);
  if (others.repositoryPath !== undefined) await fillRepository(others.repositoryPath);
}

/** One command of Redis, by its own command line. */
export async function askRedis(others: Filled, ...command: string[]): Promise<string> {
  const env = { ...process.env, REDISCLI_AUTH: others.redisPassword };
  const { stdout } = await promisify(execFile)("redis-cli", ["-p", String(others.redis.port), ...command], {
    env,
  });
  return stdout.trim();
}

/**
 * The sources `redis`, `uploads`, `settings` and `tls` of `estate.yaml`, `code` where there is a repository, `objects` where there are
 * buckets and `accounting` where there is that application, and the secrets that they name.
 */
export function otherSourcesOf(others: Others) {
  const { redis, redisPassword, uploadsFolder, settingsFolder, repositoryPath, front } = others;
  const buckets = others.objects && objectsSourceOf(others.objects);
  const books = others.accounting && accountingSourceOf(others.accounting);
  return {
    sources: {
      ...(buckets && { objects: buckets.source }),
      ...(books && { accounting: books.source }),
      redis: {
        reach: { via: "ssh", host: redis.host, port: redis.port },
        passwordSecret: PASSWORD_SECRET,
      },
      uploads: { kind: "files", folders: { uploads: uploadsFolder } },
      settings: { kind: "config", paths: [settingsFolder] },
      ...(repositoryPath !== undefined && { code: { kind: "git", repositories: { erp: repositoryPath } } }),
      tls: {
        kind: "certificates",
        domains: { [front.domain]: { chain: front.chainPath, key: front.keyPath } },
        served: { [front.domain]: { address: `127.0.0.1:${front.port}`, through: "ssh" } },
        reload: front.reloadCommand,
      },
    },
    secrets: { [PASSWORD_SECRET]: redisPassword, ...buckets?.secrets, ...books?.secrets },
  };
}

async function fillRedis(others: Filled): Promise<void> {
  const script = `for n = 1, ${SESSIONS} do
    redis.call("SET", "session:" .. n, "مستخدم " .. n, "EX", 86400)
    redis.call("HSET", "cart:" .. n % 50, "item:" .. n, n)
    redis.call("ZADD", "bestsellers", n % 97, "item:" .. n)
  end`;
  await askRedis(others, "EVAL", script, "0");
}

async function fillUploads(folder: string): Promise<void> {
  for (const sub of ["invoices", "avatars"]) await mkdir(join(folder, sub), { recursive: true });
  for (let n = 1; n <= INVOICES; n++)
    await writeFile(join(folder, "invoices", `فاتورة-${n}.pdf`), randomBytes(SCAN_BYTES));
  await writeFile(join(folder, "avatars", "empty.png"), "");
  await chmod(join(folder, "invoices", "فاتورة-1.pdf"), 0o600);
}

async function fillSettings({ settingsFolder, redisPassword }: Filled): Promise<void> {
  await mkdir(join(settingsFolder, "nginx"), { recursive: true });
  const write = (name: string, text: string, mode: number) =>
    writeFile(join(settingsFolder, name), text, { mode });
  await write(".env", `REDIS_PASSWORD=${redisPassword}\n`, 0o600);
  await write(".env.example", "REDIS_PASSWORD=\n", 0o644);
  await write("compose.yaml", "services:\n  app:\n    image: erp\n    env_file: .env\n", 0o644);
  await write("nginx/erp.conf", "server {\n  listen 80;\n}\n", 0o644);
}

/** What a team pushes to the company's server. */
async function fillRepository(path: string): Promise<void> {
  const identity = ["-c", "user.name=سارة", "-c", "user.email=sara@example.com"];
  const git = async (...args: string[]) =>
    (await promisify(execFile)("git", ["-C", path, ...identity, ...args])).stdout.trim();
  await mkdir(path, { recursive: true });
  await git("init", "--quiet", "--bare", "--initial-branch=main", ".");
  const tree = await git("hash-object", "-w", "-t", "tree", "/dev/null");
  for (const message of ["begin", "الفواتير", "release"]) {
    const parent = message === "begin" ? [] : ["-p", "main"];
    await git("update-ref", "refs/heads/main", await git("commit-tree", tree, ...parent, "-m", message));
  }
  await git("tag", "-a", "v1", "-m", "first", "main");
}
