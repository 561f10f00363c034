import { RefusedError } from "../model/errors.ts";
import type { RestoreRequest, ScopedRestore } from "../sources/source.ts";
import type { Connection } from "./connect.ts";
import { type Listed, listNamespaces } from "./list-namespaces.ts";
import { nameOf } from "./names.ts";

const LISTED_LIMIT = 20;

/** Namespaces of the user's data; users, roles and the server's own do not count. */
async function listUserData(connection: Connection): Promise<Listed[]> {
  const listed = await listNamespaces(connection);
  return listed.filter(({ namespace: { database, collection } }) =>
    database === "admin" ? !collection.startsWith("system.") : true,
  );
}

/** Names of what a restore could overwrite. */
export async function listTarget(connection: Connection): Promise<string[]> {
  return (await listUserData(connection)).map(({ namespace }) => nameOf(namespace));
}

/** What is done with what the target holds, and the last call before it is changed. */
export type Clearing = Pick<RestoreRequest, "guard" | "beforeChange">;

/**
 * Applies the guard before anything is written: refuses a target that holds data (`RefusedError`
 * TARGET_NOT_EMPTY), or drops all of it, so that the target becomes exactly the backup.
 */
export async function clearTarget(connection: Connection, { guard, beforeChange }: Clearing): Promise<void> {
  const present = await listUserData(connection);
  if (present.length > 0 && guard === "refuse-non-empty") throw refuse(present);
  await beforeChange?.();
  const databases = new Set(present.map(({ namespace }) => namespace.database));
  for (const database of databases)
    if (database !== "admin")
      await connection.run(`Dropping ${database}`, () => connection.client.db(database).dropDatabase());
  for (const { namespace } of present.filter((item) => item.namespace.database === "admin"))
    await connection.run(`Dropping ${nameOf(namespace)}`, () =>
      connection.client.db("admin").dropCollection(namespace.collection),
    );
}

/** The same for what a restore of a part is about: nothing else is judged, and nothing else is dropped. */
export async function clearPart(
  connection: Connection,
  { guard, beforeChange }: Clearing,
  { isTarget, neverOverwrites }: Pick<ScopedRestore, "isTarget" | "neverOverwrites">,
): Promise<void> {
  const listed = await listUserData(connection);
  const present = listed.filter(({ namespace }) => isTarget(nameOf(namespace)));
  if (present.length > 0 && neverOverwrites) throw refuseToReplace(present);
  if (present.length > 0 && guard === "refuse-non-empty") throw refusePart(present);
  await beforeChange?.();
  for (const { namespace } of present)
    await connection.run(`Dropping ${nameOf(namespace)}`, () =>
      connection.client.db(namespace.database).dropCollection(namespace.collection),
    );
}

function refusePart(present: readonly Listed[]): RefusedError {
  const names = present.map(({ namespace }) => nameOf(namespace));
  const more = names.length > LISTED_LIMIT ? `, … (${names.length} in all)` : "";
  return new RefusedError(
    "TARGET_NOT_EMPTY",
    `The target already holds ${names.slice(0, LISTED_LIMIT).join(", ")}${more}, of what is to be restored; nothing was changed. Restore under other names or beside it, or say that it may be replaced.`,
    { facts: { namespaces: names.slice(0, LISTED_LIMIT), total: names.length } },
  );
}

function refuseToReplace(present: readonly Listed[]): RefusedError {
  const names = present.map(({ namespace }) => nameOf(namespace));
  return new RefusedError(
    "TARGET_NOT_EMPTY",
    `The target already holds ${names.slice(0, LISTED_LIMIT).join(", ")}: what is restored beside the live one, or is only some records of it, never replaces anything. Choose other names.`,
    { facts: { namespaces: names.slice(0, LISTED_LIMIT), total: names.length } },
  );
}

function refuse(present: readonly Listed[]): RefusedError {
  const names = present.map(({ namespace }) => nameOf(namespace));
  return new RefusedError(
    "TARGET_NOT_EMPTY",
    `The target already holds ${names.length} namespaces (the first is ${names[0]}); an empty server was expected. Choose an empty one, or say that it may be replaced.`,
    { facts: { namespaces: names.slice(0, LISTED_LIMIT), total: names.length } },
  );
}
