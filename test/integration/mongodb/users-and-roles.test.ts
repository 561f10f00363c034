import type { MongoClient } from "mongodb";
import { describe, expect, it } from "vitest";
import { useRoundTrip } from "../../support/round-trip.ts";

const COLLECTIONS = ["system.users", "system.roles"];

const trip = useRoundTrip(async (client) => {
  const [admin, shop] = [client.db("admin"), client.db("shop")];
  await shop.collection("orders").insertOne({ a: 1 });
  await admin.command({
    createRole: "watcher",
    privileges: [{ resource: { cluster: true }, actions: ["serverStatus"] }],
    roles: ["clusterMonitor"],
  });
  await shop.command({
    createRole: "clerk",
    privileges: [{ resource: { db: "shop", collection: "orders" }, actions: ["find", "update"] }],
    roles: [],
    authenticationRestrictions: [{ clientSource: ["127.0.0.1"] }],
  });
  await shop.command({
    createUser: "سارة",
    pwd: "one word",
    roles: ["clerk"],
    customData: { since: 2020, of: "الفرع" },
    mechanisms: ["SCRAM-SHA-256"],
  });
  await shop.command({ createUser: "old", pwd: "two words", roles: [{ role: "read", db: "other" }] });
  await admin.command({
    createUser: "keeper",
    pwd: "three words",
    roles: ["watcher", "root"],
    authenticationRestrictions: [{ serverAddress: ["127.0.0.1"] }],
  });
  await client
    .db("$external")
    .command({ createUser: "CN=app,O=erp", roles: [{ role: "clerk", db: "shop" }] });
  await client.db("empty").command({ createUser: "nobody", pwd: "four words", roles: [] });
});

const read = async (client: MongoClient, collection: string) => {
  const all = await client
    .db("admin")
    .collection(collection)
    .find({}, { raw: true })
    .sort({ _id: 1 })
    .toArray();
  return all.map((one) => Buffer.from(one as unknown as Uint8Array).toString("hex"));
};

describe("users and roles, of the server and of single databases", () => {
  it.each(COLLECTIONS)("come back with the same bytes, passwords and restrictions too: %s", async (name) => {
    const [before, after] = await Promise.all([read(trip.source, name), read(trip.target, name)]);
    expect(before?.length).toBe(name === "system.users" ? 5 : 2);
    expect(after).toEqual(before);
    expect(trip.taken.summary.fingerprint[`admin.${name}`]).toMatchObject({
      kind: "users",
      count: before?.length,
    });
  });

  it("log in as before, and may do what they might", async () => {
    const { MongoClient: Client } = await import("mongodb");
    const address = new URL(trip.targetUri).host;
    const uri = `mongodb://${encodeURIComponent("سارة")}:${encodeURIComponent("one word")}@${address}/?authSource=shop&directConnection=true`;
    await using sara = new Client(uri);
    const { authInfo } = await sara.db("shop").command({ connectionStatus: 1, showPrivileges: true });
    expect(authInfo.authenticatedUserRoles).toEqual([{ role: "clerk", db: "shop" }]);
    expect(authInfo.authenticatedUserPrivileges).toContainEqual({
      resource: { db: "shop", collection: "orders" },
      actions: ["find", "update"],
    });
  });

  it("and the fingerprint of the restored server is that of the dump", () => {
    expect(trip.differences).toEqual([]);
  });
});
