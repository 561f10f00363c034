import { Binary, type Db, type MongoClient } from "mongodb";
import type { Judged } from "./oracle.ts";

/** Every kind of collection that a scope may meet, in `erp`; a GridFS bucket and two strangers in `chat`. */
export async function fillErp(client: MongoClient): Promise<void> {
  const erp = client.db("erp");
  await fillPlain(erp);
  await erp.createCollection("ring", { capped: true, size: 4096, max: 3 });
  await erp.collection("ring").insertMany([{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }]);
  await erp.createCollection("clustered", { clusteredIndex: { key: { _id: 1 }, unique: true } });
  await erp.collection("clustered").insertMany([{ n: 1 }, { n: 2 }]);
  await erp.createCollection("words", { collation: { locale: "de", strength: 2 } });
  await erp.collection("words").createIndex({ word: 1 }, { unique: true });
  await erp.collection("words").insertMany([{ word: "Äpfel" }, { word: "bananen" }]);
  await erp.createCollection("readings", { timeseries: { timeField: "at", metaField: "of" } });
  await erp.collection("readings").insertMany([
    { at: new Date(1e12), of: "a", v: 1 },
    { at: new Date(2e12), of: "b", v: 2 },
  ]);
  await createViews(erp);
  const chat = client.db("chat");
  await chat.collection("messages").insertMany([{ n: 1 }, { n: 2 }]);
  await chat.collection<{ _id: number }>("fs.files").insertOne({ _id: 1, length: 3, chunkSize: 3 } as never);
  await chat.collection("fs.chunks").createIndex({ files_id: 1, n: 1 }, { unique: true });
  await chat.collection("fs.chunks").insertOne({ files_id: 1, n: 0, data: new Binary(Buffer.from("abc")) });
}

async function fillPlain(erp: Db): Promise<void> {
  const invoices = erp.collection<{ _id: number; year: number; customer: number }>("invoices");
  await invoices.insertMany(
    Array.from({ length: 500 }, (_, n) => ({ _id: n, year: 2024 + (n % 3), customer: n % 7 })),
  );
  await invoices.createIndex({ customer: 1, year: -1 });
  await invoices.createIndex(
    { year: 1 },
    { partialFilterExpression: { year: { $gt: 2024 } }, sparse: false },
  );
  await erp.collection("customers").insertMany([{ n: 1 }, { n: 2 }]);
  await erp.collection("customers").createIndex({ n: 1 }, { unique: true });
  await erp.collection("فواتير ٢٠٢٦").insertOne({ n: 1 });
  await erp.collection("a*b").insertOne({ n: 1 });
  await erp.collection("aXb").insertOne({ n: 2 });
  await erp.collection("dotted.name").insertOne({ n: 3 });
}

async function createViews(erp: Db): Promise<void> {
  await erp.createCollection("by_customer", {
    viewOn: "invoices",
    pipeline: [
      { $lookup: { from: "customers", localField: "customer", foreignField: "n", as: "who" } },
      { $facet: { 1: [{ $unionWith: "words" }], all: [{ $match: { year: 2026 } }] } },
    ],
  });
  await erp.createCollection("chained", {
    viewOn: "by_customer",
    pipeline: [
      { $unionWith: { coll: "customers", pipeline: [{ $unionWith: "readings" }] } },
      {
        $graphLookup: {
          from: "customers",
          startWith: "$n",
          connectFromField: "n",
          connectToField: "n",
          as: "invoices",
        },
      },
      { $set: { from: "customers", note: "invoices" } },
    ],
  });
  await erp.createCollection("collated", {
    viewOn: "invoices",
    pipeline: [{ $match: { year: { $gt: 2024 } } }],
    collation: { locale: "en", strength: 1 },
  });
}

/** What the oracle must say of a target under other names; `options` are those of views as they have to become. */
export function renamed(
  namespaces: Record<string, Judged>,
  rename: (name: string) => string | undefined,
  views: Readonly<Record<string, object>> = {},
): Record<string, Judged> {
  const moved = Object.entries(namespaces).flatMap(([name, judged]) => {
    const target = rename(name);
    if (target === undefined) return [];
    const options = views[target];
    return [[target, options === undefined ? judged : { ...judged, options }] as const];
  });
  return Object.fromEntries(moved);
}
