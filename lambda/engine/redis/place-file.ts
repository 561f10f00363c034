import { setTimeout as pause } from "node:timers/promises";
import type { FileSystem } from "../host/file-system.ts";
import type { Host } from "../host/host.ts";
import { giveOwnerOf, removeIfThere, writeNewFile } from "../host/new-file.ts";
import { EstateError, SourceError } from "../model/errors.ts";
import type { RestoreItem } from "../sources/source.ts";
import type { RedisConnection } from "./connection.ts";
import { ReplyError } from "./resp.ts";
import type { RedisTools } from "./tools.ts";
import { translateReply } from "./translate-error.ts";

const POLL_MS = 200;
/** A minute: a stop command waits by itself, and a container is killed after ten seconds. */
const STOP_POLLS = 300;
/** Half an hour, for the server to read all of its RDB: 100 GB at 60 MB/s. */
const LOAD_POLLS = 9_000;
const WORDS_LIMIT = 500;

/** Where a server starts from, and the host's own commands that stop and start it. */
export interface FilePlace {
  /** The server's folder (`dir`), as the host has it. */
  readonly folder: string;
  readonly stop: string;
  readonly start: string;
}

export interface PlaceTools extends RedisTools {
  readonly place: FilePlace;
  readonly host: Host;
  readonly files: FileSystem;
  /** Connects to the server that was started: a container may have another address then. */
  connectAgain(): Promise<RedisConnection>;
  /** How often it is looked whether the server has stopped; a minute long by default. */
  readonly stopPolls?: number;
  newName(): string;
}

/** What the server calls its files. */
interface FileNames {
  readonly rdb: string;
  readonly log: string;
  readonly logFolder: string;
  readonly appends: boolean;
}

/**
 * Puts an RDB where a server starts from: sends it beside, stops the server, renames, starts, and waits until all of it
 * is loaded. A server that keeps an append-only file starts from that and never looks at the RDB, so it gets the RDB as
 * one, which every Redis from 4 on reads as its beginning; what it had is taken away once the new server runs.
 *
 * Until the server has stopped nothing is changed; where a file cannot be put in its place, it is started again. Throws `SourceError`; COMMAND_FAILED for a command of the host.
 */
export async function placeRdb(
  connection: RedisConnection,
  item: RestoreItem,
  tools: PlaceTools,
): Promise<void> {
  const names = await readNames(connection);
  const name = tools.newName();
  const { folder } = tools.place;
  const wanted = [`${folder}/${names.rdb}`, ...(await findLogs(names, tools))];
  const fresh = wanted.map((path) => ({ path, beside: Buffer.from(`${path}.${name}`) }));
  const aside = Buffer.from(`${folder}/${names.logFolder}.${name}`);
  let stopped = false;
  try {
    for (const { path, beside } of fresh) await send(item, path, beside, tools);
    await stop(tools);
    stopped = true;
    await moveIfThere(Buffer.from(`${folder}/${names.logFolder}`), aside, tools.files);
    for (const { path, beside } of fresh) await tools.files.rename(beside, Buffer.from(path));
  } catch (error) {
    for (const { beside } of fresh) await removeIfThere(beside, tools.files).catch(() => undefined);
    await moveIfThere(aside, Buffer.from(`${folder}/${names.logFolder}`), tools.files).catch(() => undefined);
    if (stopped) await startAgain(error, tools);
    throw error;
  }
  await run(tools.place.start, "The RDB is in its place", tools);
  await waitUntilLoaded(tools);
  await removeFolder(aside, tools.files);
}

/** Throws AUTH_FAILED where the user may not ask. */
async function readNames(connection: RedisConnection): Promise<FileNames> {
  const setting = async (name: string): Promise<string> => {
    const reply = await connection.ask("CONFIG", "GET", name);
    if (reply instanceof ReplyError)
      throw translateReply(reply.message, connection.nameOf(`CONFIG GET ${name}`));
    return Array.isArray(reply) ? String(reply[1] ?? "") : "";
  };
  return {
    rdb: await setting("dbfilename"),
    log: await setting("appendfilename"),
    // Redis 6 has one file and no such folder.
    logFolder: (await setting("appenddirname")) || "appendonlydir",
    appends: (await setting("appendonly")) === "yes",
  };
}

/** The path of the append-only file; none where the server neither keeps one now nor would find one when it starts. */
async function findLogs(names: FileNames, { place, files }: PlaceTools): Promise<string[]> {
  const log = `${place.folder}/${names.log}`;
  const found = [log, `${place.folder}/${names.logFolder}`].map((path) => files.lstat(Buffer.from(path)));
  const isThere = (await Promise.all(found)).some((facts) => facts !== undefined);
  return names.appends || isThere ? [log] : [];
}

async function send(item: RestoreItem, path: string, beside: Buffer, tools: PlaceTools): Promise<void> {
  const { files, signal, progress } = tools;
  const onBytes = (bytes: number) => progress({ phase: "restore", name: item.name, bytes });
  await writeNewFile(beside, item.open(), { files, signal, onBytes });
  await giveOwnerOf(path, beside, files);
}

async function stop(tools: PlaceTools): Promise<void> {
  const { place, signal, stopPolls = STOP_POLLS } = tools;
  await run(place.stop, "Nothing was changed", tools);
  for (let poll = 0; poll < stopPolls; poll++) {
    if (!(await answers(tools))) return;
    await pause(POLL_MS, undefined, { signal });
  }
  throw new SourceError(
    "UNHEALTHY",
    `Redis still answers after "${place.stop}", expected that it had stopped. Nothing was changed. See that the command stops this very server.`,
  );
}

/** What it held is still where it starts from; a server that nobody starts would serve nobody. */
async function startAgain(failure: unknown, tools: PlaceTools): Promise<void> {
  const why = failure instanceof Error ? failure.message : String(failure);
  await run(tools.place.start, `Redis is stopped, and holds what it held: ${why}`, tools);
}

async function run(command: string, state: string, { host, signal }: PlaceTools): Promise<void> {
  const { exitCode, stderr } = await host.run(command, signal);
  if (exitCode === 0) return;
  throw new SourceError(
    "COMMAND_FAILED",
    `"${command}" ended with ${exitCode} on the host: ${stderr.trim().slice(0, WORDS_LIMIT) || "without a word"}. ${state}. Run it on the host and see what it says.`,
    { facts: { exitCode } },
  );
}

/** Also while it loads, or lets nobody in. */
async function answers({ connect }: PlaceTools): Promise<boolean> {
  try {
    await using _ = await connect();
    return true;
  } catch (error) {
    return !isGone(error);
  }
}

async function waitUntilLoaded(tools: PlaceTools): Promise<void> {
  for (let poll = 0; ; poll++) {
    try {
      await using _ = await tools.connectAgain();
      return;
    } catch (error) {
      if (poll >= LOAD_POLLS || !(isGone(error) || isLoading(error))) throw error;
    }
    await pause(POLL_MS, undefined, { signal: tools.signal });
  }
}

function isGone(error: unknown): boolean {
  const code = error instanceof EstateError ? error.code : "";
  return ["UNREACHABLE", "CONNECTION_LOST", "TIMED_OUT"].includes(code);
}

function isLoading(error: unknown): boolean {
  return error instanceof EstateError && error.code === "UNHEALTHY";
}

async function moveIfThere(from: Buffer, to: Buffer, files: FileSystem): Promise<void> {
  if ((await files.lstat(from)) !== undefined) await files.rename(from, to);
}

/** A folder that holds files only. */
async function removeFolder(folder: Buffer, files: FileSystem): Promise<void> {
  if ((await files.lstat(folder)) === undefined) return;
  for await (const listed of files.list(folder))
    for (const { name } of listed) await files.removeFile(Buffer.concat([folder, Buffer.from("/"), name]));
  await files.removeFolder(folder);
}
