import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { compareFingerprints } from "../../../lambda/engine/model/fingerprint.ts";
import { readDump } from "../../contract/sources/sessions.ts";
import { callerOf, judgeQdrant, QDRANT_KEY } from "../../support/qdrant.ts";
import {
  fillProducts,
  itemsOf,
  openQdrant,
  putPoints,
  restoreIntoQdrant,
  takeFromQdrant,
} from "../../support/qdrant-session.ts";
import { type QdrantStandin, startQdrantStandin } from "../../support/qdrant-standin.ts";

const MANY = 120;
const SECOND_MS = 1_000;
const SNAPSHOTS = "/collections/products/snapshots";

let node: QdrantStandin;
let call: ReturnType<typeof callerOf>["call"];

beforeEach(async () => {
  node = await startQdrantStandin({ apiKey: QDRANT_KEY });
  call = callerOf(node.port).call;
  await fillProducts(call);
});
afterEach(async () => node[Symbol.asyncDispose]());

const keptSnapshots = () => [...node.snapshots.values()].flatMap((kept) => [...kept.keys()]);
const judge = () => judgeQdrant({ ...callerOf(node.port), [Symbol.asyncDispose]: async () => {} });

describe("a dump", () => {
  it("leaves no snapshot and no alias of its own on the server, and changes nothing", async () => {
    const before = await judge();
    const { items } = await takeFromQdrant(node);
    expect([...items.keys()]).toEqual([
      "server.json",
      "snapshots/products.snapshot",
      "collections/products.json",
      "snapshots/%D9%83%D8%AA%D8%A7%D9%84%D9%88%D8%AC%201.snapshot",
      "collections/%D9%83%D8%AA%D8%A7%D9%84%D9%88%D8%AC%201.json",
    ]);
    expect(keptSnapshots()).toEqual([]);
    expect(await judge()).toEqual(before);
  });

  it("of many collections has one snapshot on the server at a time", async () => {
    for (let n = 0; n < MANY; n++)
      await call("PUT", `/collections/c${n}`, { vectors: { size: 1, distance: "Dot" } });
    let most = 0;
    node.intercept = () => {
      most = Math.max(most, keptSnapshots().length);
      return false;
    };
    const { summary } = await takeFromQdrant(node);
    expect(Object.keys(summary.fingerprint)).toHaveLength(MANY + 2 + 1);
    expect(most).toBe(1);
    expect(keptSnapshots()).toEqual([]);
  });

  it("is told by aliases what no snapshot holds, and keeps what the server says of its cluster", async () => {
    const { items } = await takeFromQdrant(node);
    expect(String(items.get("snapshots/products.snapshot"))).not.toContain("live");
    expect(JSON.parse(String(items.get("server.json")))).toMatchObject({
      version: "1.12.4",
      aliases: [{ alias: "live", collection: "products" }],
      cluster: '{"status":"disabled"}',
    });
  });

  it("of a collection of which other nodes have shards alone is refused by name", async () => {
    node.foreignShards.set("products", [3]);
    await expect(takeFromQdrant(node)).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringMatching(/products.*3/),
    });
    expect(keptSnapshots()).toEqual([]);
  });
});

describe("a collection of more points than the sample has", () => {
  it("is equal to what came of it, and not where one id is another", async () => {
    await putPoints(
      call,
      Array.from({ length: 1_500 }, (_, n) => n + 1),
    );
    const taken = await takeFromQdrant(node);
    await using target = await startQdrantStandin({ apiKey: QDRANT_KEY });
    await restoreIntoQdrant(target, taken);
    await using session = await openQdrant(target);
    const compare = async () => compareFingerprints(taken.summary.fingerprint, await session.fingerprint());
    expect(await compare()).toEqual([]);
    const there = callerOf(target.port).call;
    await there("POST", "/collections/products/points/delete", { points: [1_500] });
    await putPoints(there, [1_501]);
    expect(await compare()).toContainEqual(expect.objectContaining({ aspect: "contentHash" }));
  });
});

describe("a snapshot that came otherwise than the server says", () => {
  const answerInstead = (change: (bytes: Buffer) => Buffer, length = (bytes: Buffer) => bytes.length) => {
    node.intercept = (request, response) => {
      if (request.method !== "GET" || !request.url?.startsWith(`${SNAPSHOTS}/`)) return false;
      const [bytes = Buffer.alloc(0)] = node.snapshots.get("products")?.values() ?? [];
      response.writeHead(200, { "content-length": length(bytes) });
      response.write(change(bytes));
      setImmediate(() => response.destroy());
      return true;
    };
  };

  it("with one changed byte is no backup, and is taken off the server", async () => {
    answerInstead((bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.from("?")]));
    await expect(takeFromQdrant(node)).rejects.toMatchObject({
      name: "IntegrityError",
      code: "DIGEST_MISMATCH",
    });
    expect(keptSnapshots()).toEqual([]);
  });

  it("cut short is no backup, and is taken off the server", async () => {
    answerInstead((bytes) => bytes.subarray(0, -1));
    await expect(takeFromQdrant(node)).rejects.toMatchObject({ name: "SourceError" });
    expect(keptSnapshots()).toEqual([]);
  });

  it("cut short by a server that says so is no backup either", async () => {
    answerInstead(
      (bytes) => bytes.subarray(0, -1),
      (bytes) => bytes.length - 1,
    );
    await expect(takeFromQdrant(node)).rejects.toMatchObject({
      name: "IntegrityError",
      code: "STREAM_TRUNCATED",
    });
  });
});

describe("a snapshot that a crash left behind", () => {
  async function crash(): Promise<void> {
    const stop = new AbortController();
    const session = await openQdrant(node, { signal: stop.signal });
    node.intercept = (request) => {
      if (request.method === "GET" && request.url?.startsWith(`${SNAPSHOTS}/`))
        stop.abort(new Error("killed"));
      return false;
    };
    await readDump(session.dump({ proof: "as-read" })).catch(() => undefined);
    delete node.intercept;
  }

  it("is removed by the next run, which tells it; somebody else's stays", async () => {
    node.snapshots.set(
      "products",
      new Map([["products-1-2026-01-01-00-00-00.snapshot", Buffer.from("theirs")]]),
    );
    await crash();
    const [theirs, ours] = keptSnapshots();
    expect(ours).toMatch(/^products-.*\.snapshot$/);
    const { summary, items } = await takeFromQdrant(node);
    expect(summary.notes).toEqual([`left on the server by a run before, removed: ${ours}`]);
    expect(keptSnapshots()).toEqual([theirs]);
    expect(await call("GET", "/aliases")).toEqual({
      aliases: [{ alias_name: "live", collection_name: "products" }],
    });
    expect(String(items.get("server.json"))).not.toContain("backup-estate-snapshot");
  });

  it("stays, beside one that somebody made in the same seconds: nobody can tell which is whose, and both are told", async () => {
    await crash();
    const [ours = ""] = keptSnapshots();
    const theirs = ours.replace("products-", "products-9");
    node.snapshots.get("products")?.set(theirs, Buffer.from("theirs"));
    // A server names snapshots by the second, and the next run makes one, too.
    await pause(SECOND_MS);
    const { summary } = await takeFromQdrant(node);
    expect(keptSnapshots()).toEqual([ours, theirs]);
    expect(summary.notes).toEqual([
      expect.stringContaining(`none was removed, look at them: ${ours}, ${theirs}`),
    ]);
  });
});

describe("a server that does not let its snapshot be removed", () => {
  const fail = (words: Readonly<Record<string, string>>) => {
    node.intercept = ({ method = "", url = "" }, response) => {
      const said = url.includes("/snapshots/") ? words[method] : undefined;
      if (said === undefined) return false;
      response.writeHead(500).end(JSON.stringify({ status: { error: said } }));
      return true;
    };
  };

  it("spoils no backup: the snapshot is told, and goes with the next run", async () => {
    fail({ DELETE: "the disk is busy" });
    const { summary } = await takeFromQdrant(node);
    expect(summary.notes?.join()).toMatch(/products-.*\.snapshot stays on the server until the next run/);
  });

  it("hides no failure that came before", async () => {
    fail({ DELETE: "the disk is busy", GET: "the snapshot cannot be read" });
    await expect(takeFromQdrant(node)).rejects.toMatchObject({
      message: expect.stringContaining("the snapshot cannot be read"),
    });
  });
});

describe("a collection that is written to while its snapshot is made", () => {
  it("is compared by what stayed as it was, and by how many points it may have", async () => {
    node.intercept = async (request) => {
      if (request.method === "POST" && request.url?.startsWith(SNAPSHOTS)) {
        await putPoints(call, [3], "brown");
        await putPoints(call, [4, 5]);
      }
      return false;
    };
    const taken = await takeFromQdrant(node);
    await using target = await startQdrantStandin({ apiKey: QDRANT_KEY });
    await restoreIntoQdrant(target, taken);
    await using session = await openQdrant(target);
    const compare = async () =>
      compareFingerprints(taken.summary.fingerprint, await session.fingerprint({ backup: itemsOf(taken) }));
    expect(await compare()).toEqual([]);
    const there = callerOf(target.port).call;
    await putPoints(there, [1], "brown");
    expect(await compare()).toMatchObject([{ namespace: "collections/products", aspect: "contentHash" }]);
    await putPoints(there, [1]);
    await putPoints(there, [6]);
    expect(await compare()).toMatchObject([{ namespace: "collections/products", aspect: "count" }]);
  });
});

describe("a server that does not let in", () => {
  it.each([
    ["a wrong key", 401, "Invalid API key or JWT"],
    ["a key of an older server's kind", 403, "Forbidden"],
  ])("%s fails at once, and the key is not told", async (_, status, told) => {
    node.intercept = (request, response) => {
      if (request.url === "/") return false;
      response.writeHead(status, { "content-type": "text/plain" }).end(told);
      return true;
    };
    const error: unknown = await openQdrant(node, { key: "another-key-of-the-tests" }).catch(
      (reason) => reason,
    );
    expect(error).toMatchObject({ name: "SourceError", code: "AUTH_FAILED" });
    expect(JSON.stringify([error, String(error)])).not.toContain("another-key-of-the-tests");
  });

  it("a wrong key, by the guard's own word", async () => {
    await expect(openQdrant(node, { key: "wrong" })).rejects.toMatchObject({
      code: "AUTH_FAILED",
      message: expect.stringMatching(/Invalid API key/),
    });
  });

  it("or is no Qdrant, or is not there, says so", async () => {
    node.intercept = (_, response) => Boolean(response.end("<html>"));
    await expect(openQdrant(node)).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringMatching(/6333/),
    });
    await expect(openQdrant({ port: 1 })).rejects.toMatchObject({ code: "UNREACHABLE" });
  });
});
