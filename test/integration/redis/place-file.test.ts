import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FileSystem } from "../../../lambda/engine/host/file-system.ts";
import { openHost } from "../../../lambda/engine/host/open-host.ts";
import { Cancelled, SourceError } from "../../../lambda/engine/model/errors.ts";
import { RedisConnection } from "../../../lambda/engine/redis/connection.ts";
import { type FilePlace, type PlaceTools, placeRdb } from "../../../lambda/engine/redis/place-file.ts";
import { redis } from "../../../lambda/engine/sources/redis.ts";
import type { RestoreItem, TargetGuard } from "../../../lambda/engine/sources/source.ts";
import { loadContentHash } from "../../../lambda/engine/stream/content-hash.ts";
import { findFreePort } from "../../../rehearsal/servers/port.ts";
import { makeContext, type TakenDump, toRestoreItems } from "../../support/mongodb.ts";
import { connectClient, openRedis, startTestRedis, type TestRedis } from "../../support/redis.ts";
import { fillRedis } from "../../support/redis-data.ts";
import { compareRestored, RDB, rdbOf, restoreDump, takeRdb } from "../../support/redis-dumps.ts";
import { judgeRedis } from "../../support/redis-oracle.ts";
import { type Sshd, startSshd } from "../../support/sshd.ts";

const NEVER = new AbortController().signal;
let source: TestRedis;
let sshd: Sshd;
let taken: TakenDump;
beforeAll(async () => {
  [source, sshd] = await Promise.all([startTestRedis(), startSshd()]);
  await fillRedis(source.client);
  await using session = await openRedis(source.config);
  taken = await takeRdb(session);
});
afterAll(async () => {
  await Promise.all([source, sshd].map((one) => one?.[Symbol.asyncDispose]()));
});

/** A server of the host, which its own commands stop and start. */
interface HostRedis extends AsyncDisposable {
  readonly folder: string;
  readonly client: Redis;
  readonly commands: FilePlace;
  restore(changes?: object, guard?: TargetGuard, dump?: TakenDump): Promise<void>;
  restart(): Promise<void>;
  /** Places the RDB without a session, with other tools. */
  place(changes: (files: FileSystem) => Partial<PlaceTools>, signal?: AbortSignal): Promise<void>;
}

async function startHostRedis(...extra: string[]): Promise<HostRedis> {
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-redis-host-"));
  const port = await findFreePort();
  const start = `redis-server --port ${port} --bind 127.0.0.1 --dir ${folder} --repl-diskless-sync-delay 0 --daemonize yes ${extra.join(" ")}`;
  const stop = `redis-cli -p ${port} shutdown`;
  const run = (command: string) => promisify(execFile)("sh", ["-c", command]);
  await run(start);
  const client = connectClient(port);
  await client.set("over", "written");
  return {
    ...{ folder, client, commands: { folder, stop, start } },
    async restore(changes = {}, guard = "replace", dump = taken) {
      await using host = await openHost(sshd.host, sshd.privateKey, NEVER);
      const reach = { via: "ssh", host: "127.0.0.1", port };
      const config = redis.config.parse({ reach, recoverByFile: { folder, stop, start, ...changes } });
      await using session = await redis.open(config, { ...makeContext(NEVER), host }, "write");
      await restoreDump(session, dump, guard);
      expect(await compareRestored(session, dump)).toEqual([]);
    },
    async place(changes, signal = NEVER) {
      await using host = await openHost(sshd.host, sshd.privateKey, signal);
      await using files = (await host.files?.()) as FileSystem;
      const connect = () => RedisConnection.open({ host: "127.0.0.1", port }, signal);
      await using connection = await connect();
      const [item] = toRestoreItems(taken.items);
      await placeRdb(connection, item as RestoreItem, {
        ...{ signal, clock: { now: () => new Date() }, versions: {}, progress: () => {} },
        ...{ host, files, connect, connectAgain: connect, newName: () => "restore-1" },
        newContent: await loadContentHash(),
        place: { folder, stop, start },
        ...changes(files),
      });
    },
    async restart() {
      await run(stop);
      await run(start);
    },
    async [Symbol.asyncDispose]() {
      await run(`${stop} nosave`).catch(() => undefined);
      client.disconnect();
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

describe("a recovery by the RDB itself", () => {
  it.each([
    ["without an append-only file", []],
    ["with an append-only file, which would hide the RDB", ["--appendonly", "yes"]],
  ])("brings all back to a server %s, also after its next restart", async (_, extra) => {
    await using live = await startHostRedis(...extra);
    await live.restore();
    expect(await judgeRedis(live.client)).toEqual(await judgeRedis(source.client));
    expect((await readdir(live.folder)).filter((name) => name.includes("restore-"))).toEqual([]);
    await live.client.set("written", "afterwards");
    await live.restart();
    expect(await live.client.get("written")).toBe("afterwards");
    await live.client.del("written");
    expect(await judgeRedis(live.client)).toEqual(await judgeRedis(source.client));
  });

  it("finds the append-only file of a server that was told to keep none only until it starts again", async () => {
    await using live = await startHostRedis("--appendonly", "yes");
    await live.client.config("SET", "appendonly", "no");
    await live.restore();
    expect(await judgeRedis(live.client)).toEqual(await judgeRedis(source.client));
  });

  it("keeps the mode of the RDB that was there", async () => {
    await using live = await startHostRedis();
    await live.client.call("SAVE");
    await promisify(execFile)("chmod", ["640", join(live.folder, "dump.rdb")]);
    await live.restore();
    expect((await stat(join(live.folder, "dump.rdb"))).mode & 0o777).toBe(0o640);
  });
});

describe("a recovery by the RDB itself that cannot be", () => {
  it.each([
    ["whose stop command fails", { stop: "echo no such unit >&2; exit 5" }, "replace", "COMMAND_FAILED"],
    ["onto a server with keys", {}, "refuse-non-empty", "TARGET_NOT_EMPTY"],
    ["into a folder that is not there", { folder: "/nowhere/at/all" }, "replace", "MISSING"],
  ] as const)("%s changes nothing, and leaves nothing there", async (_, changes, guard, code) => {
    await using live = await startHostRedis();
    const before = await readdir(live.folder);
    await expect(live.restore(changes, guard)).rejects.toMatchObject({ code });
    expect(await live.client.get("over")).toBe("written");
    expect(await readdir(live.folder)).toEqual(before);
  });

  it("since a bit of it was flipped, never stops the server", async () => {
    await using live = await startHostRedis();
    const bytes = Buffer.from(rdbOf(taken));
    const at = bytes.indexOf("abcdefgh");
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const { run_id: before } = await serverOf(live.client);
    const damaged = { ...taken, items: new Map([[RDB, bytes]]) };
    await expect(live.restore({}, "replace", damaged)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(await serverOf(live.client)).toMatchObject({ run_id: before });
  });

  it("since the stop command stops another server, changes nothing, and leaves nothing there", async () => {
    await using live = await startHostRedis();
    const before = await readdir(live.folder);
    const place = { folder: live.folder, stop: "true", start: "true" };
    await expect(live.place(() => ({ stopMs: 500, place }))).rejects.toMatchObject({
      name: "SourceError",
      code: "UNHEALTHY",
    });
    expect(await live.client.get("over")).toBe("written");
    expect(await readdir(live.folder)).toEqual(before);
  });

  it.each([[[]], [["--appendonly", "yes"]]])(
    "since the file cannot be put in its place, has the server started again with what it held: %s",
    async (extra) => {
      await using live = await startHostRedis(...extra);
      await live.client.call("SAVE");
      const placing = live.place((files) => ({ files: withoutRenamesTo(files, "dump.rdb") }));
      await expect(placing).rejects.toMatchObject({ code: "FILE_FAILED" });
      expect(await live.client.get("over")).toBe("written");
      expect((await readdir(live.folder)).filter((name) => name.includes("restore-"))).toEqual([]);
    },
  );

  it.each([
    ["the work is stopped", (stopped: AbortController) => stopped.abort(new Cancelled("ABORTED", "planted"))],
    ["a file cannot be put in its place", () => undefined],
  ])("since %s while the server is stopped, has it started again with what it held", async (_, fail) => {
    await using live = await startHostRedis("--appendonly", "yes");
    await live.client.call("SAVE");
    const stopped = new AbortController();
    const placing = live.place(
      (files) => ({
        files: withRenames(files, async (rename, from, to) => {
          if (!to.toString().endsWith("/appendonly.aof")) return await rename(from, to);
          fail(stopped);
          throw new SourceError("FILE_FAILED", "planted");
        }),
      }),
      stopped.signal,
    );
    await expect(placing).rejects.toMatchObject({ message: "planted" });
    expect(await live.client.get("over")).toBe("written");
    expect((await readdir(live.folder)).filter((name) => name.includes("restore-"))).toEqual([]);
  });

  it("since the stop command fails after it stopped the server, has it started again", async () => {
    await using live = await startHostRedis();
    const placing = live.place(() => ({
      place: { ...live.commands, stop: `${live.commands.stop}; exit 5` },
    }));
    await expect(placing).rejects.toMatchObject({ code: "COMMAND_FAILED" });
    expect(await live.client.get("over")).toBe("written");
  });

  it("since it cannot be started again either, says where what it held is, and why it was stopped", async () => {
    await using live = await startHostRedis();
    const start = "echo no such unit >&2; exit 7";
    const placing = live.place((files) => ({
      place: { ...live.commands, start },
      files: withoutRenamesTo(files, "dump.rdb"),
    }));
    await expect(placing).rejects.toMatchObject({
      code: "COMMAND_FAILED",
      message: expect.stringMatching(/no such unit.*What it held is in .*planted/),
      cause: { code: "FILE_FAILED" },
    });
  });

  it("since the start command fails, says that the RDB is in its place, and where what it held before is", async () => {
    await using live = await startHostRedis();
    await live.client.call("SAVE");
    const before = await readFile(join(live.folder, "dump.rdb"));
    const placing = live.restore({ start: "exit 7" });
    await expect(placing).rejects.toMatchObject({
      code: "COMMAND_FAILED",
      message: expect.stringContaining("The RDB is in its place"),
    });
    const { message } = (await placing.catch((error: unknown) => error)) as Error;
    const [aside = ""] = /\S+dump\.rdb\.restore-\S+\.old/.exec(message) ?? [];
    expect((await readFile(aside)).length).toBe(before.length);
  });
});

/** The same files, but that nothing can be renamed to that name. */
function withoutRenamesTo(files: FileSystem, name: string): FileSystem {
  return withRenames(files, async (rename, from, to) => {
    if (to.toString().endsWith(`/${name}`)) throw new SourceError("FILE_FAILED", "planted");
    await rename(from, to);
  });
}

type Rename = FileSystem["rename"];

function withRenames(
  files: FileSystem,
  wrap: (rename: Rename, ...paths: Parameters<Rename>) => Promise<void>,
): FileSystem {
  const rename: Rename = (from, to) => wrap((...paths) => files.rename(...paths), from, to);
  return new Proxy(files, {
    get(target, property) {
      if (property === "rename") return rename;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

async function serverOf(client: Redis): Promise<Record<string, string>> {
  const text = await client.info("server");
  return Object.fromEntries([...text.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name, value]) => [name, value]));
}
