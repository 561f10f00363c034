import { BSON } from "mongodb";
import { expect, it } from "vitest";
import type { Connection } from "../../../lambda/engine/mongodb/connect.ts";
import { checkReached, findConfirmedEnd, findStart, hasOplog } from "../../../lambda/engine/mongodb/oplog.ts";

const at = (seconds: number) => new BSON.Timestamp({ t: seconds, i: 1 });

/** A server on which, between any two questions, ten seconds pass; a large transaction begins at second 15. */
function busyServer(): Connection {
  let now = 0;
  const ask = async <Answer>(answer: () => Answer) => {
    now += 10;
    return answer();
  };
  const open = () => (now < 15 ? [] : [{ startOpTime: { ts: at(15) } }]);
  const cursor = { sort: () => cursor, limit: () => cursor, toArray: () => ask(open) };
  const hello = () => ask(() => ({ lastWrite: { majorityOpTime: { ts: at(now) } } }));
  const client = { db: () => ({ command: hello, collection: () => ({ find: () => cursor }) }) };
  return { client, run: (_: string, work: () => Promise<unknown>) => work() } as unknown as Connection;
}

it("a span never begins inside a transaction that was opened while its start was looked for", async () => {
  const { time } = await findStart(busyServer());
  expect(time.seconds).toBeLessThanOrEqual(15);
});

/** Its oplog ends at second 30; at each question the majority is ten seconds further. */
function laggingMajority(signal: AbortSignal) {
  const told: number[] = [];
  const hello = async () => {
    told.push((told.length + 1) * 10);
    return { lastWrite: { majorityOpTime: { ts: at(told.at(-1) ?? 0) } } };
  };
  const client = {
    db: () => ({ command: hello, collection: () => ({ findOne: async () => ({ ts: at(30) }) }) }),
  };
  const run = (_: string, work: () => Promise<unknown>) => work();
  return { told, connection: { client, run, signal } as unknown as Connection };
}

it("a span ends at an entry that the majority has, so that no election takes the end of a backup back", async () => {
  const { connection, told } = laggingMajority(new AbortController().signal);
  expect(await findConfirmedEnd(connection)).toEqual({ seconds: 30, ordinal: 1 });
  expect(told).toEqual([10, 20, 30]);
});

it("waiting for the majority ends when the work is cancelled", async () => {
  const { connection } = laggingMajority(AbortSignal.abort());
  await expect(findConfirmedEnd(connection)).rejects.toMatchObject({ name: "Cancelled" });
});

it("a span whose last entry was not read is a gap, and one that was read to its end is none", () => {
  expect(() => checkReached({ seconds: 7, ordinal: 2 }, { seconds: 7, ordinal: 2 })).not.toThrow();
  for (const last of [undefined, { seconds: 7, ordinal: 1 }])
    expect(() => checkReached(last, { seconds: 7, ordinal: 2 })).toThrow(
      expect.objectContaining({ code: "OPLOG_GAP", message: expect.stringContaining("7:2") }),
    );
});

it.each([
  ["a member of a replica set", { setName: "rs0" }, true],
  ["a standalone", {}, false],
])("%s is known by its answer to hello", async (_, answer, expected) => {
  expect(await hasOplog(answering(answer))).toBe(expected);
});

it("a sharded cluster is refused: through a mongos it looks like a standalone", async () => {
  await expect(hasOplog(answering({ msg: "isdbgrid" }))).rejects.toMatchObject({ code: "UNSUPPORTED" });
});

function answering(hello: object): Connection {
  const client = { db: () => ({ command: async () => hello }) };
  return { client, run: (_: string, work: () => Promise<unknown>) => work() } as unknown as Connection;
}
