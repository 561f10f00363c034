import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { judgeVersions, requireCompatible } from "../../../lambda/engine/jobs/compatibility.ts";
import {
  manifestFor,
  openSession,
  startServer,
  type TestServer,
  takeDump,
  toRestoreItems,
} from "../../support/mongodb.ts";
import { judgeServer, sortIndexes } from "../../support/oracle.ts";

let lowered: TestServer;
let plain: TestServer;
beforeAll(async () => {
  [lowered, plain] = await Promise.all([startServer({ replicaSet: "rs0" }), startServer()]);
  await using client = new MongoClient(lowered.mongod.uri);
  const command = { setFeatureCompatibilityVersion: "6.0", confirm: true, writeConcern: { w: "majority" } };
  await client.db("admin").command(command);
  await client.db("shop").collection("orders").insertOne({ text: "فاتورة" });
  await client.db("shop").collection("orders").createIndex({ text: 1 });
});
afterAll(() => Promise.all([lowered, plain].map((server) => server[Symbol.asyncDispose]())));

const versionsOf = async ({ mongod }: TestServer) => {
  await using session = await openSession(mongod);
  return (await session.probe()).versions;
};

describe("a server whose feature compatibility is below its release", () => {
  it("is told by its level, and its data come back on one of full level", async () => {
    await using session = await openSession(lowered.mongod);
    const taken = await takeDump(session);
    expect(taken.summary.versions).toMatchObject({ major: "7", featureCompatibility: "6.0" });
    expect(judgeVersions(taken.summary.versions, await versionsOf(plain)).verdict).toBe("fits");
    await using target = await openSession(plain.mongod);
    await target.restore({
      ...{ items: toRestoreItems(taken.items), manifest: manifestFor(taken.summary), guard: "replace" },
    });
    const judge = async ({ mongod }: TestServer) => sortIndexes((await judgeServer(mongod.uri)).namespaces);
    expect(await judge(plain)).toEqual(await judge(lowered));
  });

  it("is refused the data of one of full level, until it is raised", async () => {
    await using session = await openSession(plain.mongod);
    const { summary } = await takeDump(session);
    expect(summary.versions).toMatchObject({ featureCompatibility: "7.0" });
    const target = await versionsOf(lowered);
    expect(() => requireCompatible(manifestFor(summary), target)).toThrow(
      expect.objectContaining({
        code: "VERSION_INCOMPATIBLE",
        message: expect.stringMatching(/feature compatibility 6\.0.*Raise it on the target first/),
      }),
    );
  });
});
