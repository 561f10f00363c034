import { BSON, MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, it } from "vitest";
import { connect } from "../../../lambda/engine/mongodb/connect.ts";
import { buildIndexes } from "../../../lambda/engine/mongodb/create-indexes.ts";
import { startServer, type TestServer } from "../../support/mongodb.ts";

const NEVER = new AbortController().signal;
const SILENCE_MS = 500;
let server: TestServer;

beforeAll(async () => {
  // A failpoint lets a build hang, as one over hundreds of gigabytes takes hours.
  server = await startServer({ extraArguments: ["--setParameter", "enableTestCommands=1"] });
});
afterAll(() => server?.[Symbol.asyncDispose]());

it("a build of indexes that is silent for longer than a dead server would be ends well", async () => {
  const { host, port, uri } = server.mongod;
  await using admin = new MongoClient(uri);
  await admin.db("shop").collection("orders").insertOne({ n: 1 });
  const hang = (mode: "alwaysOn" | "off") =>
    admin.db("admin").command({ configureFailPoint: "hangAfterStartingIndexBuild", mode });
  const options = { address: { host, port }, login: { by: "nothing" }, silenceMs: SILENCE_MS } as const;
  await using connection = await connect(options, NEVER);
  await hang("alwaysOn");
  const index = Buffer.from(BSON.serialize({ v: 2, key: { n: 1 }, name: "by n" }));
  const building = buildIndexes(connection, { database: "shop", collection: "orders" }, [index]);
  building.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 4 * SILENCE_MS));
  await hang("off");
  await building;
  expect(await admin.db("shop").collection("orders").indexExists("by n")).toBe(true);
});
