import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareFingerprints, type Fingerprint } from "../../../lambda/engine/model/fingerprint.ts";
import { mongodb } from "../../../lambda/engine/sources/mongodb.ts";
import type { Session } from "../../../lambda/engine/sources/source.ts";
import {
  configFor,
  makeContext,
  manifestFor,
  openSession,
  startServer,
  type TakenDump,
  type TestServer,
  takeDump,
  toRestoreItems,
} from "../../support/mongodb.ts";

const RESTORER = { name: "restorer", password: "not-a-secret", roles: ["root"] };
const USERS = "admin.system.users";
let source: TestServer;
let target: TestServer;

beforeAll(async () => {
  [source, target] = await Promise.all([startServer(), startServer({ auth: { users: [RESTORER] } })]);
});
afterAll(() => Promise.all([source[Symbol.asyncDispose](), target[Symbol.asyncDispose]()]));

const openTarget = (user = RESTORER.name) =>
  mongodb.open(
    { ...configFor(target.mongod), user, passwordSecret: "password" },
    makeContext(new AbortController().signal, { password: RESTORER.password }),
    "write",
  );

async function dumpSource(): Promise<TakenDump> {
  await using session = await openSession(source.mongod);
  return await takeDump(session);
}

async function restoreTo(session: Session, { items, summary }: TakenDump): Promise<void> {
  await session.restore({
    items: toRestoreItems(items),
    manifest: manifestFor(summary),
    guard: "replace",
  });
}

const compare = async (session: Session, like: Fingerprint) =>
  compareFingerprints(like, await session.fingerprint({ like })).map(
    ({ namespace, aspect }) => `${namespace} ${aspect}`,
  );

describe("a restore as a user that the backup does not hold", () => {
  it("of a backup without users agrees with it, but only where the user is allowed for", async () => {
    const taken = await dumpSource();
    expect(taken.summary.fingerprint[USERS]).toBeUndefined();
    await using session = await openTarget();
    await restoreTo(session, taken);
    expect(await compare(session, taken.summary.fingerprint)).toEqual([]);
    const strict = compareFingerprints(taken.summary.fingerprint, await session.fingerprint());
    expect(strict).toEqual([{ namespace: USERS, aspect: "unexpected" }]);
  });

  it("agrees with the backup's users, and sees one that was added, changed or lost afterwards", async () => {
    await using owner = new MongoClient(source.mongod.uri);
    for (const name of ["clerk", "auditor"])
      await owner.db("admin").command({ createUser: name, pwd: "x", roles: ["read"] });
    const taken = await dumpSource();
    const like = taken.summary.fingerprint;
    expect(like[USERS]?.count).toBe(2);
    await using session = await openTarget();
    await restoreTo(session, taken);
    expect(await compare(session, like)).toEqual([]);
    await using client = new MongoClient(target.mongod.uri);
    const admin = client.db("admin");
    await admin.command({ createUser: "intruder", pwd: "x", roles: ["root"] });
    expect(await compare(session, like)).toContain(`${USERS} contentHash`);
    await admin.command({ dropUser: "intruder" });
    expect(await compare(session, like)).toEqual([]);
    await admin.command({ grantRolesToUser: "clerk", roles: ["root"] });
    expect(await compare(session, like)).toContain(`${USERS} contentHash`);
    await admin.command({ dropUser: "clerk" });
    expect(await compare(session, like)).toContain(`${USERS} contentHash`);
  });

  it("keeps the role that gives the user its rights, and those that this one hands on", async () => {
    await using owner = new MongoClient(target.mongod.uri);
    const admin = owner.db("admin");
    const everything = { resource: { anyResource: true }, actions: ["anyAction"] };
    await admin.command({ createRole: "inner", privileges: [everything], roles: [] });
    await admin.command({ createRole: "outer", privileges: [], roles: ["inner"] });
    await admin.command({ createRole: "nobody's", privileges: [], roles: [] });
    await admin.command({ createUser: "kept", pwd: RESTORER.password, roles: ["outer"] });
    await using origin = new MongoClient(source.mongod.uri);
    await origin.db("admin").command({ createRole: "backed up", privileges: [], roles: [] });
    const taken = await dumpSource();
    await using session = await openTarget("kept");
    await restoreTo(session, taken);
    expect(await compare(session, taken.summary.fingerprint)).toEqual([]);
    await using again = await openTarget("kept");
    const found = await again.fingerprint();
    expect(found["admin.system.roles"]?.count).toBe(3);
  });

  it("stays with its password and rights also where the backup has older ones, and sees what else differs", async () => {
    await using origin = new MongoClient(source.mongod.uri);
    const older = origin.db("admin");
    await older.command({ createUser: "kept", pwd: "the password of then", roles: ["read"] });
    await older.command({ createRole: "outer", privileges: [], roles: [] });
    const taken = await dumpSource();
    const like = taken.summary.fingerprint;
    const backup = toRestoreItems(taken.items);
    await using session = await openTarget("kept");
    await restoreTo(session, taken);
    const compareAll = async (opened: Session) =>
      compareFingerprints(like, await opened.fingerprint({ like, backup })).map(({ namespace }) => namespace);
    await using again = await openTarget("kept");
    expect(await compareAll(again)).toEqual([]);
    await using owner = new MongoClient(target.mongod.uri, {
      auth: { username: "kept", password: RESTORER.password },
      authSource: "admin",
    });
    await owner.db("admin").command({ grantRolesToUser: "auditor", roles: ["root"] });
    expect(new Set(await compareAll(again))).toEqual(new Set([USERS]));
  });
});
