import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { type Mongod, startMongod } from "../servers/mongod.ts";
import { runMongoshScript } from "../servers/mongosh.ts";
import { type RedisServer, startRedis } from "../servers/redis.ts";

export interface DatabaseUser {
  readonly name: string;
  readonly password: string;
}

/** Who may log in; random, and as long-lived as the rehearsal. A new host is set up with the same ones. */
export interface Accounts {
  readonly owner: DatabaseUser;
  /** As whom backups, recoveries and replays log in: made by the script that `docs/host.md` tells to run. */
  readonly databaseUsers: Readonly<Record<"dump" | "restore" | "replay", DatabaseUser>>;
  readonly redisPassword: string;
}

export interface Databases {
  readonly mongod: Mongod;
  readonly redis: RedisServer;
}

const USERS_SCRIPT = join(import.meta.dirname, "../../examples/mongodb-users.js");

export function makeAccounts(): Accounts {
  const user = (name: string) => ({ name, password: randomBytes(18).toString("base64url") });
  return {
    owner: user("owner"),
    databaseUsers: {
      dump: user("estate-dump"),
      restore: user("estate-restore"),
      replay: user("estate-replay"),
    },
    redisPassword: user("default").password,
  };
}

/** MongoDB as a one-node replica set with access control, and Redis; empty where `folder` is, on the ports of `before`. */
export async function startDatabases(
  folder: string,
  accounts: Accounts,
  signal: AbortSignal,
  before?: Databases,
): Promise<Databases> {
  const { owner, databaseUsers, redisPassword } = accounts;
  const mongod = await startMongod({
    folder: join(folder, "mongod"),
    replicaSet: "rs0",
    auth: { users: [{ ...owner, roles: ["root"] }] },
    ...(before && { port: before.mongod.port }),
    signal,
  });
  await createUsers(mongod.uri, Object.values(databaseUsers));
  const redis = await startRedis({
    folder: join(folder, "redis"),
    ...(before && { port: before.redis.port }),
    // DEBUG DIGEST is the oracle: what the server itself says of all of its keys.
    extraArguments: ["--requirepass", redisPassword, "--enable-debug-command", "local"],
    signal,
  });
  return { mongod, redis };
}

async function createUsers(uri: string, users: readonly DatabaseUser[]): Promise<void> {
  await using client = new MongoClient(uri);
  await runMongoshScript(client, USERS_SCRIPT, (asked) => {
    const found = users.find(({ name }) => name === asked);
    if (found === undefined) throw new Error(`The script of the users asks for the password of "${asked}".`);
    return found.password;
  });
}
