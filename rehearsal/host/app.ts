import { createServer } from "node:http";
import { MongoClient } from "mongodb";

/**
 * A small real app on the host: `GET /health` counts documents in its database and answers 200 with the count,
 * or 503 when the database does not answer or is empty, for an app without its data is not healthy.
 * Environment: APP_PORT, MONGODB_URI, APP_DATABASE, APP_COLLECTION, and OWNER_PID, the process of the host.
 */
const { APP_PORT, MONGODB_URI = "", APP_DATABASE, APP_COLLECTION = "", OWNER_PID } = process.env;
const TIMEOUT_MS = 2_000;
const OWNER_CHECK_MS = 1_000;

const client = new MongoClient(MONGODB_URI, { serverSelectionTimeoutMS: TIMEOUT_MS, timeoutMS: TIMEOUT_MS });
const collection = client.db(APP_DATABASE).collection(APP_COLLECTION);

async function checkHealth(): Promise<{ status: number; body: object }> {
  try {
    const count = await collection.countDocuments();
    if (count > 0) return { status: 200, body: { status: "ok", count } };
    return { status: 503, body: { status: "empty", count } };
  } catch (error) {
    return { status: 503, body: { status: "no database", reason: (error as Error).name } };
  }
}

const server = createServer((request, response) => {
  if (request.url !== "/health") {
    response.writeHead(404).end();
    return;
  }
  void checkHealth().then(({ status, body }) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
});
server.listen(Number(APP_PORT), "127.0.0.1");

process.once("SIGTERM", () => process.exit(0));

// It was started through SSH and has no parent that would end it: a host that is gone takes its app along.
setInterval(() => {
  try {
    process.kill(Number(OWNER_PID), 0);
  } catch {
    process.exit(1);
  }
}, OWNER_CHECK_MS);
