import { Decimal128, type Document, Long, type MongoClient, ObjectId } from "mongodb";
import { makeRandom, pick } from "./random.ts";

/** How much of each kind of document is made. */
export interface ErpSize {
  readonly customers: number;
  readonly invoices: number;
  readonly messages: number;
  readonly readings: number;
}

export const SIZES = {
  small: { customers: 2_000, invoices: 15_000, messages: 20_000, readings: 2_000 },
  medium: { customers: 10_000, invoices: 80_000, messages: 80_000, readings: 10_000 },
  large: { customers: 40_000, invoices: 400_000, messages: 300_000, readings: 40_000 },
} as const satisfies Record<string, ErpSize>;

const BATCH_DOCUMENTS = 2_000;
const NAMES = [
  "شركة النور للتجارة",
  "مؤسسة الفجر",
  "مصنع الرياض للأغذية",
  "Harbour Trading LLC",
  "Al Waha Group",
] as const;
const CITIES = ["الرياض", "جدة", "القاهرة", "Dubai", "Amman"] as const;
const GREETINGS = [
  "السلام عليكم ورحمة الله",
  "تم شحن الطلب 📦",
  "Please confirm the invoice",
  "شكرًا جزيلًا 🙏",
] as const;
const STATUSES = ["draft", "open", "paid"] as const;
const EPOCH_MS = Date.UTC(2026, 0, 1);

/** Fills the databases `erp` and `chat` with Arabic and English data of a small company; the same seed, the same data. */
export async function seedErp(client: MongoClient, size: ErpSize, seed: number): Promise<void> {
  const random = makeRandom(seed);
  await createCollections(client);
  await insertMany(client, "erp", "customers", size.customers, (n) => customer(n, random));
  await insertMany(client, "erp", "invoices", size.invoices, (n) => invoice(n, size, random));
  await insertMany(client, "chat", "messages", size.messages, (n) => message(n, random));
  await insertMany(client, "erp", "readings", size.readings, (n) => reading(n, random));
  const accounts = client.db("erp").collection<Account>("accounts");
  await accounts.insertMany(ACCOUNTS.map((_id) => ({ _id, balance: 0 })));
  await createUser(client);
}

/** Between these two the writer moves money; their sum is 0 at every moment. */
export const ACCOUNTS = ["cash-صندوق", "bank-بنك"] as const;

export interface Account {
  readonly _id: string;
  readonly balance: number;
}

async function createCollections(client: MongoClient): Promise<void> {
  const erp = client.db("erp");
  const chat = client.db("chat");
  await erp.createCollection("customers", {
    collation: { locale: "ar", strength: 2 },
    validator: { $jsonSchema: { required: ["name"] } },
    validationLevel: "moderate",
  });
  await erp.createCollection("audit", { capped: true, size: 1_048_576, max: 500 });
  await erp.createCollection("readings", {
    timeseries: { timeField: "at", metaField: "sensor", granularity: "minutes" },
  });
  await erp.createCollection("unpaid", {
    viewOn: "invoices",
    pipeline: [{ $match: { status: { $ne: "paid" } } }],
  });
  await erp.collection("customers").createIndex({ email: 1 }, { unique: true });
  await erp
    .collection("customers")
    .createIndex({ name: "text" }, { default_language: "none", collation: { locale: "simple" } });
  await erp
    .collection("invoices")
    .createIndexes([
      { key: { customer: 1, at: -1 } },
      { key: { total: 1 }, partialFilterExpression: { status: "draft" }, name: "draft_totals" },
    ]);
  await chat.collection("messages").createIndexes([{ key: { room: 1, at: 1 } }, { key: { text: "hashed" } }]);
}

async function createUser(client: MongoClient): Promise<void> {
  const erp = client.db("erp");
  const privileges = [{ resource: { db: "erp", collection: "invoices" }, actions: ["find"] }];
  await erp.command({ createRole: "invoiceReader", privileges, roles: [] });
  await erp.command({ createUser: "clerk", pwd: "rehearsal-only", roles: ["invoiceReader"] });
}

async function insertMany(
  client: MongoClient,
  database: string,
  collection: string,
  count: number,
  make: (n: number) => Document,
): Promise<void> {
  for (let from = 0; from < count; from += BATCH_DOCUMENTS) {
    const length = Math.min(BATCH_DOCUMENTS, count - from);
    const documents = Array.from({ length }, (_, offset) => make(from + offset));
    await client.db(database).collection(collection).insertMany(documents, { ordered: false });
  }
}

function customer(n: number, random: () => number): Document {
  return {
    _id: n,
    name: `${pick(random, NAMES)} ${n}`,
    email: `customer-${n}@example.test`,
    city: pick(random, CITIES),
    limit: Decimal128.fromString((random() * 100_000).toFixed(2)),
    since: new Date(EPOCH_MS - Math.floor(random() * 1e11)),
  };
}

function invoice(n: number, size: ErpSize, random: () => number): Document {
  const lines = Array.from({ length: 1 + Math.floor(random() * 6) }, (_, line) => ({
    item: `بند ${line + 1}`,
    quantity: 1 + Math.floor(random() * 20),
    price: Decimal128.fromString((random() * 900).toFixed(2)),
  }));
  return {
    _id: new ObjectId(n.toString(16).padStart(24, "0")),
    number: Long.fromNumber(1_000_000 + n),
    customer: Math.floor(random() * size.customers),
    status: pick(random, STATUSES),
    at: new Date(EPOCH_MS + n * 60_000),
    total: random() * 5_000,
    lines,
  };
}

function message(n: number, random: () => number): Document {
  return {
    _id: n,
    room: `غرفة-${n % 17}`,
    at: new Date(EPOCH_MS + n * 1_000),
    text: pick(random, GREETINGS),
    n,
  };
}

function reading(n: number, random: () => number): Document {
  return { sensor: `fridge-${n % 5}`, at: new Date(EPOCH_MS + n * 60_000), celsius: 2 + random() * 4 };
}
