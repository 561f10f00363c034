import { setTimeout as sleep } from "node:timers/promises";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openHost } from "../../../lambda/engine/host/open-host.ts";
import { mongodb } from "../../../lambda/engine/sources/mongodb.ts";
import type { Context, Session } from "../../../lambda/engine/sources/source.ts";
import { makeContext, manifestFor, takeDump, toRestoreItems } from "../../support/mongodb.ts";
import { type Member, type ReplicaSet, startReplicaSet } from "../../support/replica-set.ts";
import { type Sshd, startSshd } from "../../support/sshd.ts";

const DOCUMENTS = 3_000;
const never = new AbortController().signal;
let set: ReplicaSet;
let sshd: Sshd;

beforeAll(async () => {
  [set, sshd] = await Promise.all([startReplicaSet(), startSshd()]);
  await using client = new MongoClient(set.uri);
  const text = "x".repeat(10_000);
  await client
    .db("shop")
    .collection("large")
    .insertMany(
      Array.from({ length: DOCUMENTS }, (_, n) => ({ n, text })),
      { writeConcern: { w: 3 } },
    );
});
afterAll(() => Promise.all([set[Symbol.asyncDispose](), sshd[Symbol.asyncDispose]()]));

interface Opened extends AsyncDisposable {
  readonly session: Session;
  /** What the operator was told of the choice. */
  readonly notes: readonly string[];
}

/** Opens the set by its first member only: the others are for the driver to find. */
async function openSet(
  purpose: "read" | "write",
  through: "ssh" | "direct" = "ssh",
  reach: object = {},
): Promise<Opened> {
  const hosts = [set.members[0]?.address ?? ""];
  const config = mongodb.config.parse({
    reach: { via: "members", hosts, replicaSet: set.name, through, ...reach },
  });
  const notes: string[] = [];
  const host = await openHost(sshd.host, sshd.privateKey, never);
  const context: Context = {
    ...makeContext(never),
    host,
    progress: ({ phase, name }) => void (phase === "connect" && notes.push(name)),
  };
  try {
    const session = await mongodb.open(config, context, purpose);
    const close = async () => {
      await session[Symbol.asyncDispose]();
      await host[Symbol.asyncDispose]();
    };
    return { session, notes, [Symbol.asyncDispose]: close };
  } catch (error) {
    await host[Symbol.asyncDispose]();
    throw error;
  }
}

const nameOfChosen = (notes: readonly string[]) => /the (\w+) (\S+) was chosen/.exec(notes[0] ?? "");

function memberOf(notes: readonly string[]): Member {
  const member = set.members.find(({ address }) => address === nameOfChosen(notes)?.[2]);
  if (member === undefined) throw new Error(`no member is named in: ${notes.join("; ")}`);
  return member;
}

describe("a replica set of three through one SSH connection", () => {
  it("is read from a secondary, which the driver finds by a member that was given", async () => {
    await using opened = await openSet("read");
    expect(nameOfChosen(opened.notes)?.[1]).toBe("secondary");
    expect(await set.secondaries()).toContain(memberOf(opened.notes));
    const { summary, items } = await takeDump(opened.session);
    expect(summary.fingerprint["shop.large"]?.count).toBe(DOCUMENTS);
    expect(summary.notes).toEqual(opened.notes);
    expect(items.has("dump/oplog.bson")).toBe(true);
  });

  it("answers with the same content whichever member is read", async () => {
    await using read = await openSet("read");
    await using written = await openSet("write", "direct");
    expect(nameOfChosen(written.notes)?.[1]).toBe("primary");
    expect(await read.session.fingerprint()).toEqual(await written.session.fingerprint());
  });

  it("is written to at its primary, also after another one was elected", async () => {
    const before = await set.primary();
    const after = await set.stepDown();
    await using opened = await openSet("write");
    expect(memberOf(opened.notes)).toBe(after);
    expect(after).not.toBe(before);
  });

  it("is refused under another name, and where no member answers", async () => {
    await expect(openSet("read", "ssh", { replicaSet: "rs9" })).rejects.toMatchObject({
      name: "SourceError",
      code: expect.stringMatching(/UNREACHABLE|UNHEALTHY/),
    });
    await expect(openSet("read", "ssh", { hosts: ["127.0.0.1:1"] })).rejects.toMatchObject({
      code: "UNREACHABLE",
      message: expect.stringContaining("127.0.0.1:1"),
    });
  });
});

/** Reads a dump on after `act` was called at the first large piece. */
async function readUntilLarge({ session }: Opened, act: () => unknown) {
  const dump = session.dump({ proof: "end-state" });
  let acted = false;
  for await (const item of dump.items)
    for await (const chunk of "body" in item ? item.body : []) {
      if (acted || chunk.length < 100_000) continue;
      acted = true;
      await act();
    }
  expect(acted).toBe(true);
  return dump.summary();
}

describe("an election while a dump runs", () => {
  it("elsewhere does not touch the dump of a secondary", async () => {
    await using opened = await openSet("read");
    const chosen = memberOf(opened.notes);
    // The chosen member must not be the next primary, or this would be the next test.
    const summary = await readUntilLarge(opened, async () => {
      const old = await set.primary();
      await using client = new MongoClient(old.uri);
      const other = (await set.secondaries()).find((one) => one !== chosen);
      await client.db("admin").command({ replSetStepDown: 20, secondaryCatchUpPeriodSecs: 10 });
      await using next = new MongoClient(other?.uri ?? "");
      await next
        .db("admin")
        .command({ replSetStepUp: 1 })
        .catch(() => {});
      await set.primary();
    });
    expect(summary.fingerprint["shop.large"]?.count).toBe(DOCUMENTS);
  });

  it("that makes the primary a secondary does not touch the dump that it gives", async () => {
    const primary = await set.primary();
    const only = { hosts: [primary.address] };
    await using opened = await openSet("write", "ssh", only);
    expect(memberOf(opened.notes)).toBe(primary);
    const summary = await readUntilLarge(opened, () => set.stepDown());
    expect(summary.fingerprint["shop.large"]?.count).toBe(DOCUMENTS);
  });

  it("that takes the chosen member away ends the dump as CONNECTION_LOST; the next one reads from another", async () => {
    await set.untilSettled();
    await using opened = await openSet("read");
    const lost = memberOf(opened.notes);
    await expect(readUntilLarge(opened, () => lost.kill())).rejects.toMatchObject({
      name: "SourceError",
      code: "CONNECTION_LOST",
    });
    await using again = await openSet("read", "ssh", { hosts: set.members.map(({ address }) => address) });
    expect(memberOf(again.notes)).not.toBe(lost);
    expect(again.notes.join()).toContain(`${lost.address} did not answer`);
    const { summary } = await takeDump(again.session);
    expect(summary.fingerprint["shop.large"]?.count).toBe(DOCUMENTS);
    await lost.restart();
    await set.untilSettled();
  });

  it("between two reads that starts the chosen member anew is noticed: both are not one moment", async () => {
    await using opened = await openSet("read");
    const chosen = memberOf(opened.notes);
    await opened.session.fingerprint();
    await chosen.kill();
    await chosen.restart();
    await set.untilSettled();
    await expect
      .poll(
        () =>
          opened.session.fingerprint().then(
            () => "read on",
            ({ message }) => String(message),
          ),
        {
          timeout: 30_000,
        },
      )
      .toContain("was started anew");
  });
});

describe("an election while a restore runs", () => {
  it("ends it with what to do, and the next one finds the new primary", async () => {
    await using source = await openSet("read");
    const taken = await takeDump(source.session);
    const restore = ({ session }: Opened, meanwhile?: () => Promise<unknown>) =>
      session.restore({
        items: toRestoreItems(taken.items),
        manifest: manifestFor(taken.summary),
        guard: "replace",
        ...(meanwhile && { beforeReplay: async () => void (await meanwhile()) }),
      });
    await using opened = await openSet("write");
    const failed = restore(opened, async () => {
      await set.stepDown();
      await opened.session.restore({
        items: toRestoreItems(taken.items),
        manifest: manifestFor(taken.summary),
        guard: "replace",
      });
    });
    await expect(failed).rejects.toMatchObject({
      name: "SourceError",
      code: "UNHEALTHY",
      message: expect.stringMatching(/not.*primary.*start it again/is),
    });
    await using again = await openSet("write");
    await restore(again);
    expect((await again.session.fingerprint())["shop.large"]?.count).toBe(DOCUMENTS);
  });
});

describe("a secondary that is behind", () => {
  it("is not read from, and the operator is told how far", async () => {
    await using lagging = await startReplicaSet({
      extraArguments: ["--setParameter", "enableTestCommands=1"],
    });
    const [behind] = await lagging.secondaries();
    await using stopped = new MongoClient(behind?.uri ?? "");
    await stopped.db("admin").command({ configureFailPoint: "rsSyncApplyStop", mode: "alwaysOn" });
    await using client = new MongoClient(lagging.uri);
    const hosts = [lagging.members[0]?.address];
    const reach = { via: "members", hosts, replicaSet: lagging.name, through: "direct" };
    const config = mongodb.config.parse({ reach: { ...reach, maxStalenessSeconds: 20 } });
    const notes: string[] = [];
    for (const deadlineAt = Date.now() + 60_000; Date.now() < deadlineAt; await sleep(2_000)) {
      await client.db("shop").collection("notes").insertOne({});
      notes.length = 0;
      const progress: Context["progress"] = ({ name }) => void notes.push(name);
      await using session = await mongodb.open(config, { ...makeContext(never), progress }, "read");
      expect(session).toBeDefined();
      if (notes.length > 1) break;
    }
    expect(notes[0]).toMatch(/^rs0: the secondary \S+ was chosen$/);
    expect(notes[0]).not.toContain(behind?.address);
    expect(notes[1]).toMatch(/ is 2\d s behind, at most 20 s are allowed$/);
    expect(notes[1]).toContain(behind?.address);
  });
});
