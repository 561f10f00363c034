import { z } from "zod";
import type { Reach } from "../host/host.ts";
import { type Connection, connect } from "../mongodb/connect.ts";
import { readExternal } from "../mongodb/import/read-external.ts";
import { writeExternal } from "../mongodb/import/write-external.ts";
import { scopes } from "../mongodb/scope/scopes.ts";
import { MongodbSession } from "../mongodb/session.ts";
import type { Context, Purpose, Session, Source } from "./source.ts";

const port = z.int().min(1).max(65535).default(27017);
const reachSchema = z.discriminatedUnion("via", [
  z.strictObject({ via: z.literal("ssh"), host: z.string().min(1).default("127.0.0.1"), port }),
  z.strictObject({ via: z.literal("container"), container: z.string().min(1), port }),
  z.strictObject({ via: z.literal("direct"), host: z.string().min(1), port }),
]);

const mongodbConfigSchema = z
  .strictObject({
    reach: reachSchema,
    user: z.string().min(1).optional(),
    /** Name or ARN of the secret that holds the password. */
    passwordSecret: z.string().min(1).optional(),
    /** As whom a restore logs in, where that is not `user`. */
    restoreUser: z.string().min(1).optional(),
    restorePasswordSecret: z.string().min(1).optional(),
    authSource: z.string().min(1).optional(),
    tls: z
      .strictObject({
        /** A file beside the worker; without it the system's certificate authorities are trusted. */
        caFile: z.string().min(1).optional(),
        /** The name on the certificate where it is not the address, as behind a tunnel. */
        serverName: z.string().min(1).optional(),
      })
      .optional(),
  })
  .refine(
    ({ restoreUser, restorePasswordSecret }) =>
      (restoreUser === undefined) === (restorePasswordSecret === undefined),
    { path: ["restorePasswordSecret"], message: "restoreUser and restorePasswordSecret, or neither of them" },
  );
export type MongodbConfig = z.infer<typeof mongodbConfigSchema>;

/** MongoDB 5 to 8, replica set or standalone. A standalone keeps no log: its dump is not one moment. */
export const mongodb: Source<MongodbConfig> = {
  kind: "mongodb",
  description: {
    title: "MongoDB 5 to 8",
    covers: [
      "documents byte for byte, of every BSON type; options, validators, indexes, views, capped and time-series collections",
      "users and roles",
      "one moment, by the oplog that was written meanwhile; slices of it bring any second back",
      "dumps of mongodump, imported",
    ],
    leavesOut: [
      "a standalone server keeps no oplog: its dump is as long as it took, and there are no slices",
      "sharded clusters; the databases `config` and `local`",
    ],
  },
  config: mongodbConfigSchema,
  needs: {
    compute: "fargate",
    keepsLog: true,
    drill: {
      image: "mongo",
      majors: ["5", "6", "7", "8"],
      port: 27017,
      command: ["mongod", "--bind_ip", "127.0.0.1", "--wiredTigerCacheSizeGB", "0.5"],
    },
  },
  scopes,
  open,
  readExternal,
  writeExternal,
  drillConfig: ({ host, port: drillPort }) => ({ reach: { via: "direct", host, port: drillPort } }),
};

async function open(config: MongodbConfig, context: Context, purpose: Purpose): Promise<Session> {
  const reached = await context.host.reach(config.reach satisfies Reach);
  const close = async () => reached[Symbol.asyncDispose]();
  try {
    const { user, passwordSecret } = loginOf(config, purpose);
    const password = passwordSecret === undefined ? undefined : await context.secret(passwordSecret);
    const connection = await connect(
      {
        host: reached.host,
        port: reached.port,
        ...(user === undefined ? {} : { user }),
        ...(password === undefined ? {} : { password }),
        ...(config.authSource === undefined ? {} : { authSource: config.authSource }),
        ...(config.tls === undefined ? {} : { tls: config.tls }),
      },
      context.signal,
    );
    return await openSession(connection, context, close);
  } catch (error) {
    await close();
    throw error;
  }
}

function loginOf(config: MongodbConfig, purpose: Purpose): Pick<MongodbConfig, "user" | "passwordSecret"> {
  const { restoreUser: user, restorePasswordSecret: passwordSecret } = config;
  return purpose === "write" && user !== undefined ? { user, passwordSecret } : config;
}

async function openSession(
  connection: Connection,
  context: Context,
  close: () => Promise<void>,
): Promise<Session> {
  try {
    return await MongodbSession.open(connection, context, close);
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  }
}
