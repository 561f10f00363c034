import { z } from "zod";
import { absolutePathSchema } from "../host/absolute-path.ts";
import type { Reach, Reached } from "../host/host.ts";
import type { ConnectOptions } from "../redis/connection.ts";
import { exportRdb } from "../redis/export-rdb.ts";
import { RedisSession } from "../redis/session.ts";
import type { Context, Purpose, Session, Source } from "./source.ts";

const port = z.int().min(1).max(65535).default(6379);
const reachSchema = z.discriminatedUnion("via", [
  z.strictObject({ via: z.literal("ssh"), host: z.string().min(1).default("127.0.0.1"), port }),
  z.strictObject({ via: z.literal("container"), container: z.string().min(1), port }),
  z.strictObject({ via: z.literal("direct"), host: z.string().min(1), port }),
]);
const command = z.string().min(1).max(500);
const pem = z
  .string()
  .regex(/^-----BEGIN CERTIFICATE-----/, "expected PEM that begins with -----BEGIN CERTIFICATE-----");

const redisConfigSchema = z
  .strictObject({
    reach: reachSchema,
    /** Of the server's access-control list; without it the password is that of `requirepass`. */
    user: z.string().min(1).optional(),
    /** Name or ARN of the secret that holds the password. */
    passwordSecret: z.string().min(1).optional(),
    /** As whom a restore logs in, where that is not `user`. */
    restoreUser: z.string().min(1).optional(),
    restorePasswordSecret: z.string().min(1).optional(),
    tls: z
      .strictObject({
        /** The authorities that are trusted, as PEM; without it those of the system. */
        ca: pem.optional(),
        /** The name on the certificate where it is not the address, as behind a tunnel. */
        serverName: z.string().min(1).optional(),
        /** What this side shows, as PEM, where the server wants it (`tls-auth-clients`). */
        certificate: pem.optional(),
        /** Name or ARN of the secret that holds the key of `certificate`. */
        keySecret: z.string().min(1).optional(),
      })
      .refine(({ certificate, keySecret }) => (certificate === undefined) === (keySecret === undefined), {
        path: ["keySecret"],
        message: "certificate and keySecret, or neither of them",
      })
      .optional(),
    /**
     * A recovery stops the server, puts the RDB in its place and starts it, instead of giving the running server key by
     * key: faster for many keys, and for values above its `proto-max-bulk-len`.
     */
    recoverByFile: z
      .strictObject({
        /** The server's folder (`dir`) on the host: that of the container's volume. */
        folder: absolutePathSchema,
        /** The host's commands that stop the server and start it: `docker compose -f /srv/erp/compose.yaml stop redis`. */
        stop: command,
        start: command,
      })
      .optional(),
  })
  .refine(({ user, passwordSecret }) => user === undefined || passwordSecret !== undefined, {
    path: ["passwordSecret"],
    message: "a user needs a password",
  })
  .refine(
    ({ restoreUser, restorePasswordSecret }) =>
      (restoreUser === undefined) === (restorePasswordSecret === undefined),
    { path: ["restorePasswordSecret"], message: "restoreUser and restorePasswordSecret, or neither of them" },
  );
export type RedisConfig = z.infer<typeof redisConfigSchema>;

/** Redis 6 to 8, one server or a replica of it. */
export const redis: Source<RedisConfig> = {
  kind: "redis",
  description: {
    title: "Redis 6 to 8",
    covers: [
      "every key of every database with its end of life, whatever its type and encoding: strings, lists, sets, sorted sets, hashes (from 7.4 with fields that end), streams with groups, consumers and pending entries; libraries of functions",
      "one moment: the RDB that a replica would get, streamed without a file on the host, checked by its CRC-64 while it passes",
      "a recovery into the running server, key by key, so that an append-only file holds it too; or by the RDB itself (`recoverByFile`): the server is stopped, the RDB put in its place, also in that of an append-only file, which would hide it, and the server started",
      "values of modules, where the server that they are restored into has the module",
    ],
    leavesOut: [
      "keys and fields that have ended when a backup is compared or recovered: they are gone, and left out on both sides",
      "configuration and access-control lists (files of the host); scripts of EVAL; how many entries a consumer group has read is restored and not compared",
      "Redis Cluster: one server's slots only; RDB formats above 12 (Redis after 8.4), which are refused by name; what modules keep beside their keys",
    ],
  },
  config: redisConfigSchema,
  needs: {
    compute: "fargate",
    stage: "databases",
    keepsLog: false,
    drill: {
      image: "redis",
      majors: ["6", "7", "8"],
      port: 6379,
      command: ["redis-server", "--bind", "127.0.0.1", "--save", "", "--repl-diskless-sync-delay", "0"],
    },
  },
  open,
  writeExternal: exportRdb,
  // As `redis-cli --rdb` writes it; it is packed in itself.
  externalFile: {
    suffix: "rdb",
    codec: "none",
    byHand: [
      "# Stop Redis first. REDIS_FOLDER is its dir; where appendonly is on, move appendonlydir away and put the file",
      "# there as appendonly.aof, too: a server with an append-only file never looks at its RDB.",
      'install -m 600 --owner "$REDIS_USER" "$COPY" "$REDIS_FOLDER/dump.rdb"',
      "# Start Redis, then count: redis-cli info keyspace",
    ],
  },
  drillConfig: ({ host, port: drillPort }) => ({ reach: { via: "direct", host, port: drillPort } }),
};

async function open(config: RedisConfig, context: Context, purpose: Purpose): Promise<Session> {
  const ways: Reached[] = [];
  const reachAgain = async () => {
    const reached = await context.host.reach(config.reach satisfies Reach);
    ways.push(reached);
    return { host: reached.host, port: reached.port };
  };
  const close = async () => {
    for (const way of ways) await way[Symbol.asyncDispose]();
  };
  try {
    const [address, login, tls] = [
      await reachAgain(),
      await loginOf(config, purpose, context),
      await tlsOf(config, context),
    ];
    const connect = { ...address, ...login, ...(tls && { tls }) };
    const place = config.recoverByFile;
    return await RedisSession.open({ connect, ...(place && { place }), reachAgain, close }, context);
  } catch (error) {
    await close();
    throw error;
  }
}

async function loginOf(
  config: RedisConfig,
  purpose: Purpose,
  { secret }: Pick<Context, "secret">,
): Promise<Pick<ConnectOptions, "user" | "password">> {
  const forRestore = purpose === "write" && config.restoreUser !== undefined;
  const user = forRestore ? config.restoreUser : config.user;
  const reference = forRestore ? config.restorePasswordSecret : config.passwordSecret;
  if (reference === undefined) return {};
  return { ...(user !== undefined && { user }), password: await secret(reference) };
}

async function tlsOf(
  { tls }: RedisConfig,
  { secret }: Pick<Context, "secret">,
): Promise<ConnectOptions["tls"]> {
  if (tls === undefined) return undefined;
  const { keySecret, ...rest } = tls;
  return { ...rest, ...(keySecret !== undefined && { key: await secret(keySecret) }) };
}
