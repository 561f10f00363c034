import { MongoClient } from "mongodb";
import { compareFingerprints } from "../../lambda/engine/model/fingerprint.ts";
import type { RestoreScope } from "../../lambda/engine/model/scope.ts";
import { mongodb } from "../../lambda/engine/sources/mongodb.ts";
import type { Session } from "../../lambda/engine/sources/source.ts";
import { configFor, makeContext, manifestFor, type TakenDump } from "./mongodb.ts";
import { type Judged, judgeServer, sortIndexes } from "./oracle.ts";

/** The oracle's word on all namespaces. */
export async function judgeAll(uri: string): Promise<Record<string, Judged>> {
  return sortIndexes((await judgeServer(uri)).namespaces);
}

export function openAt(uri: string): Promise<Session> {
  const { hostname: host, port } = new URL(uri);
  const context = makeContext(new AbortController().signal);
  return mongodb.open(configFor({ host, port: Number(port) }), context, "write");
}

/** Takes all of the user's databases away. */
export async function emptyServer(uri: string): Promise<void> {
  await using target = new MongoClient(uri);
  for (const { name } of (await target.db("admin").admin().listDatabases()).databases)
    if (!["admin", "config", "local"].includes(name)) await target.db(name).dropDatabase();
}

/** The differences, by the engine's own word, between what a target holds and what a restore must have put there. */
export async function compareTarget(uri: string, taken: TakenDump, scope?: RestoreScope): Promise<string[]> {
  const manifest = manifestFor(taken.summary);
  const expected = mongodb.scopes?.planRestore(manifest, scope).expected.fingerprint ?? {};
  await using session = await openAt(uri);
  const got = await session.fingerprint({ restored: { manifest, ...(scope && { scope }) }, like: expected });
  return compareFingerprints(expected, got).map(({ namespace, aspect }) => `${namespace} ${aspect}`);
}
