import type { FileSystem } from "../host/file-system.ts";
import type { Host } from "../host/host.ts";
import { giveOwnerOf, removeIfThere, writeNewFile } from "../host/new-file.ts";
import { Cancelled, SourceError } from "../model/errors.ts";
import type { RestoreItem } from "../sources/source.ts";
import type { RedisConnection } from "./connection.ts";
import { type Exchange, exchange, removeAsides, undo } from "./exchange-files.ts";
import { ReplyError } from "./resp.ts";
import { messageOf, type RestartTools, runCommand, stop, waitUntilLoaded } from "./restart.ts";
import type { RedisTools } from "./tools.ts";
import { translateReply } from "./translate-error.ts";

/** A task has 30 seconds from the signal to its end. Source: API reference of ECS, `stopTimeout`. */
const PUT_RIGHT_MS = 25_000;

/** Where a server starts from, and the host's own commands that stop and start it. */
export interface FilePlace {
  /** The server's folder (`dir`), as the host has it. */
  readonly folder: string;
  readonly stop: string;
  readonly start: string;
}

export interface PlaceTools extends RedisTools, RestartTools {
  readonly place: FilePlace;
  readonly host: Host;
  readonly files: FileSystem;
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
 * Puts an RDB where a server starts from: sends it beside, stops the server, sets aside what it had, puts the RDB in its
 * place, starts, and waits until all of it is loaded. A server that keeps an append-only file starts from that and never
 * looks at the RDB, so it gets the RDB as one, which every Redis from 4 on reads as its beginning. What was set aside is
 * removed once the new server runs.
 *
 * Whatever fails before the start, also by an abort or a lost connection, what was there is brought back and the server
 * started again, by a connection of its own. After it, what was set aside stays, and the error names it. Throws
 * `SourceError`; COMMAND_FAILED for a command of the host.
 */
export async function placeRdb(
  connection: RedisConnection,
  item: RestoreItem,
  tools: PlaceTools,
): Promise<void> {
  const exchanges = await planExchanges(connection, tools);
  await send(item, exchanges, tools);
  try {
    await stop(tools.place.stop, tools.host, tools);
    await exchange(exchanges, tools.files);
  } catch (error) {
    await putRight(exchanges, error, tools);
    throw error;
  }
  try {
    await runCommand(tools.place.start, "The RDB is in its place", tools.host, tools.signal);
    await waitUntilLoaded(tools);
  } catch (error) {
    if (wasCut(error)) await startAnew(tools).catch(() => undefined);
    throw error instanceof Cancelled ? error : notLoaded(exchanges, error);
  }
  await removeAsides(exchanges, tools.files);
}

async function planExchanges(connection: RedisConnection, tools: PlaceTools): Promise<Exchange[]> {
  const names = await readNames(connection);
  const { folder } = tools.place;
  const name = tools.newName();
  const replaced = [`${folder}/${names.rdb}`, ...(await findLogs(names, tools))];
  const asideOf = (path: string) => Buffer.from(`${path}.${name}.old`);
  const logFolder = `${folder}/${names.logFolder}`;
  return [
    ...replaced.map((path) => ({
      path: Buffer.from(path),
      fresh: Buffer.from(`${path}.${name}`),
      aside: asideOf(path),
    })),
    { path: Buffer.from(logFolder), aside: asideOf(logFolder) },
  ];
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

/** Where it throws, nothing that it sent is left, as far as the host can still be reached. */
async function send(item: RestoreItem, exchanges: readonly Exchange[], tools: PlaceTools): Promise<void> {
  const { signal, progress } = tools;
  const onBytes = (bytes: number) => progress({ phase: "restore", name: item.name, bytes });
  try {
    for (const { path, fresh } of exchanges) {
      if (fresh === undefined) continue;
      await writeNewFile(fresh, item.open(), { files: tools.files, signal, onBytes });
      await giveOwnerOf(path.toString(), fresh, tools.files);
    }
  } catch (error) {
    const remove = async (_: Host, files: FileSystem) => {
      for (const { fresh } of exchanges) if (fresh !== undefined) await removeIfThere(fresh, files);
    };
    await byOwnConnection(tools, remove).catch(() => undefined);
    throw error;
  }
}

/** A server that nobody starts would serve nobody. Throws where it may still be stopped, with `failure` as the cause. */
async function putRight(exchanges: readonly Exchange[], failure: unknown, tools: PlaceTools): Promise<void> {
  const { folder, start } = tools.place;
  try {
    await byOwnConnection(tools, async (host, files, signal) => {
      await undo(exchanges, files);
      await runCommand(start, "It holds what it held", host, signal);
    });
  } catch (error) {
    throw new SourceError(
      "COMMAND_FAILED",
      `Redis may be stopped, and was not started again: ${messageOf(error)} What it held is in ${folder}, maybe under names that end with ".old": take the ending off, and start it. It was stopped for a recovery that failed: ${messageOf(failure)}`,
      { cause: failure },
    );
  }
}

/** Whether a command may have been stopped half done. */
function wasCut(error: unknown): boolean {
  return error instanceof Cancelled || (error instanceof SourceError && error.code === "CONNECTION_LOST");
}

/** The host's commands start what is not running, and do nothing where it is. */
function startAnew(tools: PlaceTools): Promise<void> {
  return byOwnConnection(tools, (host, _, signal) =>
    runCommand(tools.place.start, "The RDB is in its place", host, signal),
  );
}

/** The connection of the work may be what failed, and ends when the work is stopped. */
async function byOwnConnection(
  tools: PlaceTools,
  act: (host: Host, files: FileSystem, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const signal = AbortSignal.timeout(PUT_RIGHT_MS);
  await using host = tools.host.anew(signal);
  await using files = (await host.files?.()) ?? missingFiles();
  await act(host, files, signal);
}

function missingFiles(): never {
  throw new SourceError("UNSUPPORTED", "The host gives no files by SFTP.");
}

function notLoaded(exchanges: readonly Exchange[], error: unknown): SourceError {
  const asides = exchanges.map(({ aside }) => aside.toString()).join(", ");
  return new SourceError(
    "COMMAND_FAILED",
    `The RDB is in its place, and Redis does not run with it: ${messageOf(error)} What it held before is, as far as there was any, in ${asides}. To go back to it, stop Redis, take the ending off these names, and start it.`,
    { cause: error },
  );
}
