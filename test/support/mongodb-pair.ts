import { MongoClient } from "mongodb";
import { afterAll, afterEach, beforeAll } from "vitest";
import type { Fingerprint } from "../../lambda/engine/model/fingerprint.ts";
import type { DumpOptions, RestoreReport, RestoreRequest } from "../../lambda/engine/sources/source.ts";
import {
  manifestFor,
  openSession,
  startServer,
  type TakenDump,
  type TestServer,
  takeDump,
  toRestoreItems,
} from "./mongodb.ts";

/** A replica set to dump and a standalone to restore onto; the data of the first is gone after each test. */
export interface ServerPair {
  readonly client: MongoClient;
  readonly sourceUri: string;
  readonly targetUri: string;
  /** `meanwhile` runs after the dump has listed what there is, and before it reads any of it. */
  dumpSource(meanwhile?: () => Promise<unknown>, options?: Partial<DumpOptions>): Promise<TakenDump>;
  restoreTarget(taken: TakenDump, over?: Partial<RestoreRequest>): Promise<RestoreReport>;
  fingerprintTarget(names?: readonly string[]): Promise<Fingerprint>;
}

/** Starts the pair before the tests of the calling file, the source with these arguments too, and ends it after them. */
export function useServerPair(sourceArguments: readonly string[] = []): ServerPair {
  let source: TestServer;
  let target: TestServer;
  let client: MongoClient;
  beforeAll(async () => {
    [source, target] = await Promise.all([
      startServer({ replicaSet: "rs0", extraArguments: sourceArguments }),
      startServer(),
    ]);
    client = new MongoClient(source.mongod.uri);
  });
  afterEach(async () => {
    for (const { name } of (await client.db("admin").admin().listDatabases()).databases)
      if (!["admin", "config", "local"].includes(name)) await client.db(name).dropDatabase();
  });
  afterAll(async () => {
    await client.close();
    await Promise.all([source[Symbol.asyncDispose](), target[Symbol.asyncDispose]()]);
  });
  return {
    get client() {
      return client;
    },
    get sourceUri() {
      return source.mongod.uri;
    },
    get targetUri() {
      return target.mongod.uri;
    },
    async dumpSource(meanwhile, options) {
      await using session = await openSession(source.mongod);
      return await takeDump(session, { proof: "end-state", ...options }, 3, meanwhile);
    },
    async restoreTarget(taken, over = {}) {
      await using session = await openSession(target.mongod);
      const items = toRestoreItems(taken.items);
      return await session.restore({
        items,
        manifest: manifestFor(taken.summary),
        guard: "replace",
        ...over,
      });
    },
    async fingerprintTarget(names) {
      await using session = await openSession(target.mongod);
      return await session.fingerprint(names === undefined ? {} : { namespaces: names });
    },
  };
}
