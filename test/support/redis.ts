import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { type RedisConfig, redis } from "../../lambda/engine/sources/redis.ts";
import type { Purpose, Session } from "../../lambda/engine/sources/source.ts";
import { type RedisOptions, type RedisServer, startRedis } from "../../rehearsal/servers/redis.ts";
import { makeContext } from "./mongodb.ts";

/** A redis-server in a folder of its own, with a client of another make. */
export interface TestRedis extends AsyncDisposable {
  readonly server: RedisServer;
  readonly folder: string;
  readonly client: Redis;
  readonly config: RedisConfig;
}

/** Disposing kills the server and removes the folder. */
export async function startTestRedis(options: Partial<RedisOptions> = {}): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-redis-"));
  const server = await startRedis({ folder, signal: new AbortController().signal, ...options });
  const client = connectClient(server.port);
  return {
    server,
    folder,
    client,
    config: redisConfigFor(server),
    async [Symbol.asyncDispose]() {
      client.disconnect();
      await server.kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

/** A client that shares nothing with the engine. */
export function connectClient(port: number, options: object = {}): Redis {
  const client = new Redis({ port, host: "127.0.0.1", lazyConnect: true, ...options });
  // What a test does to a server is told by the command that fails.
  client.on("error", () => {});
  return client;
}

export function redisConfigFor({ host, port }: Pick<RedisServer, "host" | "port">): RedisConfig {
  return redis.config.parse({ reach: { via: "direct", host, port } });
}

export interface OpenOptions {
  readonly signal?: AbortSignal;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly purpose?: Purpose;
}

export function openRedis(config: RedisConfig, options: OpenOptions = {}): Promise<Session> {
  const { signal = new AbortController().signal, secrets = {}, purpose = "write" } = options;
  return redis.open(config, makeContext(signal, secrets), purpose);
}
