import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type RehearsalHost, startHost } from "../host/host.ts";
import { type ServiceEngine, startServiceEngine } from "../host/services.ts";
import { type SshServer, startSshServer } from "../servers/sshd.ts";
import { type Accounts, type Databases, makeAccounts, startDatabases } from "./databases.ts";
import { startExtras } from "./extras.ts";
import { type Front, startFront } from "./front.ts";
import { fillOthers, type Others } from "./others.ts";

/** A small company's server: MongoDB as a one-node replica set with access control, Redis, uploads, sshd, and an app. */
export interface Company extends RehearsalHost, Others, Databases, Pick<Accounts, "databaseUsers"> {
  /** The host's own command that starts the databases. */
  readonly servicesCommand: string;
  /** The server is gone: every process of it killed, every folder of it deleted. */
  lose(): Promise<void>;
  /** Another new machine in its place, on another port and with another host key, that lets in the same login; nothing else is there. */
  replace(): Promise<SshServer>;
}

/** Starts all of it, what only `--all` shows where it is asked for; passwords are random and live as long as the rehearsal. */
export async function startCompany(
  folder: string,
  signal: AbortSignal,
  has: "core" | "everything" = "core",
): Promise<Company> {
  const accounts = makeAccounts();
  const disk = join(folder, "disk");
  let databases = await startDatabases(disk, accounts, signal);
  const extras = has === "everything" ? await startExtras(join(disk, "objects"), signal) : undefined;
  let lost = false;
  const engine = await startServiceEngine(
    join(folder, "engine"),
    async () => {
      if (!lost) return;
      databases = await startDatabases(disk, accounts, signal, databases);
      await extras?.restart();
      lost = false;
    },
    signal,
  );
  const folders = {
    uploadsFolder: join(disk, "uploads"),
    settingsFolder: join(disk, "settings"),
    ...(has === "everything" && { repositoryPath: join(disk, "erp.git") }),
  };
  const { redisPassword, databaseUsers } = accounts;
  await fillOthers({ ...folders, redis: databases.redis, redisPassword });
  const app = { mongodbUri: databases.mongod.uri, database: "erp", collection: "invoices" };
  const { settingsFolder } = folders;
  const host = await startHost({ folder: join(folder, "host"), settingsFolder, app, signal });
  const front = await startFront(join(folder, "front"), join(disk, "certificates"));
  const ends = endsOf({ host, engine, front, signal, folder, disk });
  const stop = async () => {
    await extras?.kill();
    await ends.stop(databases);
  };
  return {
    ...host,
    ...folders,
    ...{ front, accounting: extras?.accounting },
    ...{ redisPassword, databaseUsers, servicesCommand: engine.command },
    get mongod() {
      return databases.mongod;
    },
    get redis() {
      return databases.redis;
    },
    get objects() {
      return extras?.objects;
    },
    lose: async () => {
      lost = true;
      await extras?.kill();
      await ends.lose(databases);
    },
    replace: ends.replace,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Parts {
  readonly host: RehearsalHost;
  readonly engine: ServiceEngine;
  readonly front: Front;
  readonly signal: AbortSignal;
  readonly folder: string;
  readonly disk: string;
}

function endsOf({ host, engine, front, signal, folder, disk }: Parts) {
  let machine: SshServer | undefined;
  let machines = 0;
  return {
    lose: async ({ mongod, redis }: Databases) => {
      await host.die();
      await machine?.stop(0);
      await front.kill();
      await redis.kill();
      await mongod.kill();
      await rm(disk, { recursive: true, force: true, maxRetries: 5 });
    },
    replace: async () => {
      machines += 1;
      const place = join(folder, `new-host-${machines}`);
      await mkdir(place, { recursive: true, mode: 0o700 });
      machine = await startSshServer(place, signal, host.authorizedKey);
      return machine;
    },
    stop: async ({ mongod, redis }: Databases) => {
      await engine.stop();
      await host.stop().catch(() => undefined);
      await front.kill();
      await machine?.stop();
      await redis.stop();
      await mongod.stop();
    },
  };
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
