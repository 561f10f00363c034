import { MongoClient } from "mongodb";
import { expect, it } from "vitest";
import { judgeReplayed } from "../../../lambda/engine/jobs/proof.ts";
import { manifestFor, openSession, startServer, toRestoreItems } from "../../support/mongodb.ts";
import { storedItems } from "../../support/stored-items.ts";

it("a dump that no drill follows still tells what was written meanwhile, so that a recovery is not called different", async () => {
  await using source = await startServer({ replicaSet: "rs0" });
  await using target = await startServer();
  await using client = new MongoClient(source.mongod.uri);
  const shop = client.db("shop");
  await shop.collection("read").insertOne({ before: 1 });
  await shop.collection("still").insertOne({ before: 1 });

  await using session = await openSession(source.mongod);
  const dump = session.dump({ proof: "as-read" });
  const items = new Map<string, Buffer>();
  for await (const { name, body } of storedItems(dump.items)) {
    items.set(name, Buffer.concat(await Array.fromAsync(body)));
    if (name === "dump/shop/read.bson") await shop.collection("read").insertOne({ meanwhile: 1 });
  }
  const manifest = manifestFor(await dump.summary());
  expect(manifest.endState).toEqual({ touched: ["shop.read"], fingerprint: {} });

  await using restored = await openSession(target.mongod);
  await restored.restore({ items: toRestoreItems(items), manifest, guard: "replace" });
  expect(judgeReplayed(manifest, await restored.fingerprint())).toMatchObject({
    outcome: "replayed",
    differences: [],
  });
});
