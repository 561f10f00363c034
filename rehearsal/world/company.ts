import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { type RehearsalHost, startHost } from "../host/host.ts";
import { type Mongod, startMongod } from "../servers/mongod.ts";

/** A small company's server: MongoDB as a one-node replica set with access control, sshd, and an app. */
export interface Company extends RehearsalHost {
  readonly mongod: Mongod;
  /** The user of the backups, with the rights that `docs/host.md` names. */
  readonly backupUser: { readonly name: string; readonly password: string };
}

/** Starts all of it; passwords are random and live as long as the rehearsal. */
export async function startCompany(folder: string, signal: AbortSignal): Promise<Company> {
  const owner = { name: "owner", password: makePassword(), roles: ["root"] };
  const mongod = await startMongod({
    folder: join(folder, "mongod"),
    replicaSet: "rs0",
    auth: { users: [owner] },
    signal,
  });
  const backupUser = { name: "estate", password: makePassword() };
  await createBackupUser(mongod.uri, backupUser);
  const app = { mongodbUri: mongod.uri, database: "erp", collection: "invoices" };
  const host = await startHost({ folder: join(folder, "host"), app, signal });
  const stop = async () => {
    await host.stop();
    await mongod.stop();
  };
  return { ...host, mongod, backupUser, stop, [Symbol.asyncDispose]: stop };
}

function makePassword(): string {
  return randomBytes(18).toString("base64url");
}

/** As `docs/host.md` tells an operator to. */
async function createBackupUser(uri: string, user: Company["backupUser"]): Promise<void> {
  await using client = new MongoClient(uri);
  const admin = client.db("admin");
  const privileges = [{ resource: { anyResource: true }, actions: ["anyAction"] }];
  await admin.command({ createRole: "estateReplay", roles: [], privileges });
  const roles = ["backup", "restore", "estateReplay"];
  await admin.command({ createUser: user.name, pwd: user.password, roles });
}
