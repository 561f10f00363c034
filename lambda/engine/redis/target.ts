import { RefusedError, SourceError } from "../model/errors.ts";
import type { TargetGuard } from "../sources/source.ts";
import { type RedisConnection, readInfo } from "./connection.ts";
import { RestorePayload } from "./payload.ts";
import { ReplyError } from "./resp.ts";
import { translateReply } from "./translate-error.ts";

type Info = Readonly<Record<string, string>>;

/** What a server without another setting takes as one value: `proto-max-bulk-len`. */
const DEFAULT_VALUE_BYTES = 512 * 1024 * 1024;
/** The lowest that a server can be set to. Source: redis, config.c. */
const LOWEST_VALUE_BYTES = 1024 * 1024;
const VERSION_WITH_FUNCTIONS = 7;
const NEVER_MADE = "backup-estate:never-made";

/** What a backup asks of the server that is to take it. */
export interface TargetNeeds {
  readonly rdbVersion: number;
  readonly largestValueBytes: number;
  /** Types of modules of which it has values. */
  readonly moduleTypes: ReadonlySet<string>;
}

/** Keys in all databases, and libraries of functions. */
function countContent(info: Info): { readonly keys: number; readonly libraries: number } {
  const databases = Object.entries(info).filter(([name]) => /^db\d+$/.test(name));
  const keys = databases.map(([, text]) => Number(/keys=(\d+)/.exec(text)?.[1] ?? 0));
  return {
    keys: keys.reduce((sum, count) => sum + count, 0),
    libraries: Number(info.number_of_libraries ?? 0),
  };
}

export function isEmpty(info: Info): boolean {
  const { keys, libraries } = countContent(info);
  return keys + libraries === 0;
}

/**
 * Makes sure that the server would take what is to be restored, before anything of it is lost; changes nothing.
 *
 * Throws `RefusedError` TARGET_NOT_EMPTY, or VERSION_INCOMPATIBLE for an RDB that is newer than the server, or with data
 * of modules where it has none; `SourceError` UNSUPPORTED for a replica, and for a value that is larger than the server takes at once.
 */
export async function requireUsable(
  connection: RedisConnection,
  guard: TargetGuard,
  needs: TargetNeeds,
): Promise<void> {
  const info = await readInfo(connection);
  if (guard === "refuse-non-empty" && !isEmpty(info)) throw refuse(info);
  await requireFormat(connection, needs.rdbVersion, info.redis_version ?? "");
  await requireModules(connection, needs.moduleTypes);
  await requireRoom(connection, needs.largestValueBytes);
}

/** Takes everything away: all keys of all databases, and all functions. */
export async function clear(connection: RedisConnection): Promise<void> {
  const info = await readInfo(connection);
  if (isEmpty(info)) return;
  await connection.call("FLUSHALL");
  if (Number.parseInt(info.redis_version ?? "", 10) >= VERSION_WITH_FUNCTIONS)
    await connection.call("FUNCTION", "FLUSH");
}

/** By a key that ended long ago: the server judges its format, and then does not make it. */
async function requireFormat(connection: RedisConnection, version: number, server: string): Promise<void> {
  using payload = new RestorePayload(0, version);
  payload.add(Buffer.from("\u0001x"));
  const bytes = Buffer.concat(await Array.fromAsync(payload.read()));
  const reply = await connection.ask("RESTORE", NEVER_MADE, "1", bytes, "ABSTTL");
  if (!(reply instanceof ReplyError)) return;
  if (!/payload version|bad data format/i.test(reply.message))
    throw translateReply(reply.message, connection.nameOf("RESTORE"));
  throw new RefusedError(
    "VERSION_INCOMPATIBLE",
    `The backup has the RDB format ${version}, which the server at ${connection.where} (Redis ${server}) does not know. Nothing was changed. Start a newer Redis and try again.`,
    { facts: { rdb: version, server } },
  );
}

/** A module does not tell its types: a server with modules is believed to have the right ones. */
async function requireModules(connection: RedisConnection, types: ReadonlySet<string>): Promise<void> {
  if (types.size === 0) return;
  const loaded = await connection.call("MODULE", "LIST");
  if (Array.isArray(loaded) && loaded.length > 0) return;
  throw new RefusedError(
    "VERSION_INCOMPATIBLE",
    `The backup has values of the module types ${[...types].join(", ")}; the server at ${connection.where} has no module loaded. Nothing was changed. Load the modules there (Redis Stack has the usual ones) and try again.`,
    { facts: { moduleTypes: [...types] } },
  );
}

async function requireRoom(connection: RedisConnection, valueBytes: number): Promise<void> {
  if (valueBytes <= LOWEST_VALUE_BYTES) return;
  const reply = await connection.ask("CONFIG", "GET", "proto-max-bulk-len");
  const limit = Array.isArray(reply) ? Number(reply[1]) : DEFAULT_VALUE_BYTES;
  if (valueBytes <= limit) return;
  throw new SourceError(
    "UNSUPPORTED",
    `The backup has a value of ${valueBytes} bytes; the server at ${connection.where} takes ${limit} at once. Nothing was changed. Raise its proto-max-bulk-len, or put the RDB in its place (docs/operations.md).`,
    { facts: { valueBytes, limit } },
  );
}

function refuse(info: Info): RefusedError {
  const { keys, libraries } = countContent(info);
  return new RefusedError(
    "TARGET_NOT_EMPTY",
    `The target already holds ${keys} keys and ${libraries} libraries of functions; an empty server was expected. Choose an empty one, or say that it may be replaced.`,
    { facts: { keys, libraries } },
  );
}
