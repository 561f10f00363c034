import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Document, MongoClient } from "mongodb";
import {
  findFreePort,
  type Mongod,
  type MongodOptions,
  startMongod,
} from "../../rehearsal/servers/mongod.ts";

const NAME = "rs0";
/** A set of three needs about 3 s for an election; under load it takes longer. */
const ELECTION_TIMEOUT_MS = 60_000;
const POLL_MS = 200;
const PATIENCE = { serverSelectionTimeoutMS: 2_000 } as const;

/** One member of a set; `restart` gives another process on the same data and port. */
export interface Member {
  /** As the set knows it: `127.0.0.1:27017`. */
  readonly address: string;
  readonly port: number;
  readonly mongod: Mongod;
  /** Of this member only, whatever its role. */
  readonly uri: string;
  /** As a power cut. */
  kill(): Promise<void>;
  /** Starts the member again after `kill`; returns once it answers, which is before it is a secondary. */
  restart(): Promise<void>;
}

/** Three real mongods that hold the same data and elect a primary among themselves. */
export interface ReplicaSet extends AsyncDisposable {
  readonly name: string;
  readonly members: readonly Member[];
  /** Of the set: the driver finds the primary. */
  readonly uri: string;
  /** Waits for one, and for as long as an election takes. Throws when there is none after a minute. */
  primary(): Promise<Member>;
  /** The members that answer as secondaries now. */
  secondaries(): Promise<Member[]>;
  /** Tells the primary to step down; returns the new one, once another member is it. */
  stepDown(): Promise<Member>;
  /** Waits until all members that are alive answer as primary or secondary, one of them as primary. */
  untilSettled(): Promise<void>;
}

export interface ReplicaSetOptions extends Partial<Omit<MongodOptions, "folder" | "replicaSet" | "joins">> {
  /** Further fields of the members' configuration, by their place: `[{}, { priority: 0 }, {}]`. */
  readonly memberOptions?: readonly Document[];
  readonly settings?: Document;
}

/** Starts a set of three with 0.25 GB of cache each; disposing kills it and removes its folders. */
export async function startReplicaSet(options: ReplicaSetOptions = {}): Promise<ReplicaSet> {
  const { memberOptions = [], settings, ...mongodOptions } = options;
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-set-"));
  const key = randomBytes(96).toString("base64");
  const started = [0, 1, 2].map((place) => startMember(join(folder, String(place)), key, mongodOptions));
  const members = await Promise.all(started);
  const config = {
    _id: NAME,
    members: members.map(({ address }, place) => ({ _id: place, host: address, ...memberOptions[place] })),
    settings: { electionTimeoutMillis: 2_000, heartbeatIntervalMillis: 500, ...settings },
  };
  const set = handleOf(members, folder);
  try {
    await initiate(set, config, options.auth?.users ?? []);
  } catch (error) {
    await set[Symbol.asyncDispose]();
    throw error;
  }
  return set;
}

async function startMember(folder: string, key: string, options: Partial<MongodOptions>): Promise<Member> {
  await mkdir(folder, { recursive: true });
  if (options.auth !== undefined) await writeFile(join(folder, "key"), key, { mode: 0o600 });
  const port = await findFreePort();
  const start = () =>
    startMongod({
      signal: new AbortController().signal,
      ...options,
      ...{ folder, port, replicaSet: NAME, joins: true },
    });
  let mongod = await start();
  return {
    address: `127.0.0.1:${port}`,
    port,
    uri: mongod.uri,
    get mongod() {
      return mongod;
    },
    kill: () => mongod.kill(),
    restart: async () => {
      mongod = await start();
    },
  };
}

/** Users are made by mongod's localhost exception, which ends with the first. */
async function initiate(
  set: ReplicaSet,
  config: Document,
  users: NonNullable<MongodOptions["auth"]>["users"] | readonly [],
): Promise<void> {
  const commandTo = async (port: number, command: Document, credentials = "") => {
    await using client = new MongoClient(
      `mongodb://${credentials}127.0.0.1:${port}/?directConnection=true`,
      PATIENCE,
    );
    await client.db("admin").command(command);
  };
  await commandTo(set.members[0]?.port ?? 0, { replSetInitiate: config });
  await set.untilSettled();
  const { port } = await set.primary();
  let credentials = "";
  for (const { name, password, roles } of users) {
    const command = { createUser: name, pwd: password, roles, writeConcern: { w: 3 } };
    await commandTo(port, command, credentials);
    credentials ||= `${encodeURIComponent(name)}:${encodeURIComponent(password)}@`;
  }
}

function handleOf(members: readonly Member[], folder: string): ReplicaSet {
  const byRole = async (role: Role) => {
    const roles = await Promise.all(members.map(askRole));
    return members.filter((_, place) => roles[place] === role);
  };
  const primary = () =>
    poll("a primary", async () => {
      const found = await byRole("primary");
      return found.length === 1 ? found[0] : undefined;
    });
  return {
    name: NAME,
    members,
    uri: (members[0]?.uri ?? "")
      .replace(/127\.0\.0\.1:\d+/, members.map(({ address }) => address).join(","))
      .replace("directConnection=true", `replicaSet=${NAME}`),
    primary,
    secondaries: () => byRole("secondary"),
    stepDown: async () => {
      const old = await primary();
      await using client = new MongoClient(old.uri, PATIENCE);
      await client.db("admin").command({ replSetStepDown: 20, secondaryCatchUpPeriodSecs: 10 });
      return poll("another primary", async () => (await byRole("primary")).find((one) => one !== old));
    },
    untilSettled: () =>
      poll("members in their roles", async () => {
        const roles = (await Promise.all(members.map(askRole))).filter((role) => role !== "gone");
        return roles.includes("primary") && !roles.includes("other") ? true : undefined;
      }).then(() => undefined),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(members.map((member) => member.kill()));
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

type Role = "primary" | "secondary" | "other" | "gone";

/** Without a login: hello needs none. */
async function askRole({ port }: Member): Promise<Role> {
  try {
    await using client = new MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`, PATIENCE);
    const hello = await client.db("admin").command({ hello: 1 });
    if (hello.isWritablePrimary === true) return "primary";
    return hello.secondary === true ? "secondary" : "other";
  } catch {
    return "gone";
  }
}

async function poll<Found>(what: string, find: () => Promise<Found | undefined>): Promise<Found> {
  const deadlineAt = Date.now() + ELECTION_TIMEOUT_MS;
  while (Date.now() < deadlineAt) {
    const found = await find();
    if (found !== undefined) return found;
    await sleep(POLL_MS);
  }
  throw new Error(`The replica set did not come to ${what} within ${ELECTION_TIMEOUT_MS} ms.`);
}
