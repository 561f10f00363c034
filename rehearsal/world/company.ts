import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { type RehearsalHost, startHost } from "../host/host.ts";
import { type Mongod, startMongod } from "../servers/mongod.ts";
import { runMongoshScript } from "../servers/mongosh.ts";
import { type Others, startOthers } from "./others.ts";

/** A small company's server: MongoDB as a one-node replica set with access control, Redis, uploads, sshd, and an app. */
export interface Company extends RehearsalHost, Others {
  readonly mongod: Mongod;
  /** As whom backups, recoveries and replays log in: made by the script that `docs/host.md` tells to run. */
  readonly databaseUsers: Readonly<Record<"dump" | "restore" | "replay", DatabaseUser>>;
}

interface DatabaseUser {
  readonly name: string;
  readonly password: string;
}

const USERS_SCRIPT = join(import.meta.dirname, "../../examples/mongodb-users.js");

/** Starts all of it; passwords are random and live as long as the rehearsal. */
export async function startCompany(folder: string, signal: AbortSignal): Promise<Company> {
  const owner = { name: "owner", password: makePassword(), roles: ["root"] };
  const mongod = await startMongod({
    folder: join(folder, "mongod"),
    replicaSet: "rs0",
    auth: { users: [owner] },
    signal,
  });
  const databaseUsers = {
    dump: { name: "estate-dump", password: makePassword() },
    restore: { name: "estate-restore", password: makePassword() },
    replay: { name: "estate-replay", password: makePassword() },
  };
  await createUsers(mongod.uri, Object.values(databaseUsers));
  const others = await startOthers(folder, signal);
  const app = { mongodbUri: mongod.uri, database: "erp", collection: "invoices" };
  const host = await startHost({ folder: join(folder, "host"), app, signal });
  const stop = async () => {
    await host.stop();
    await others.redis.stop();
    await mongod.stop();
  };
  return { ...host, ...others, mongod, databaseUsers, stop, [Symbol.asyncDispose]: stop };
}

function makePassword(): string {
  return randomBytes(18).toString("base64url");
}

async function createUsers(uri: string, users: readonly DatabaseUser[]): Promise<void> {
  await using client = new MongoClient(uri);
  await runMongoshScript(client, USERS_SCRIPT, (asked) => {
    const found = users.find(({ name }) => name === asked);
    if (found === undefined) throw new Error(`The script of the users asks for the password of "${asked}".`);
    return found.password;
  });
}

/** The source `mongodb` of `estate.yaml`, and the secrets that it names. */
export function mongodbSourceOf({ mongod, databaseUsers: { dump, restore, replay } }: Company) {
  const names = {
    dump: "company/mongodb",
    restore: "company/mongodb-restore",
    replay: "company/mongodb-replay",
  };
  return {
    source: {
      reach: { via: "ssh", host: mongod.host, port: mongod.port },
      user: dump.name,
      passwordSecret: names.dump,
      restoreUser: restore.name,
      restorePasswordSecret: names.restore,
      restoreReplayUser: replay.name,
      restoreReplayPasswordSecret: names.replay,
    },
    secrets: {
      [names.dump]: dump.password,
      [names.restore]: restore.password,
      [names.replay]: replay.password,
    },
  };
}
