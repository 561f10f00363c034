import { BSON } from "mongodb";
import type { Position } from "../../lambda/engine/model/manifest.ts";
import { mongodb } from "../../lambda/engine/sources/mongodb.ts";
import type { ChangesSummary } from "../../lambda/engine/sources/source.ts";
import { configFor, makeContext } from "./mongodb.ts";

/** A slice held in memory. */
export interface TakenChanges {
  readonly items: ReadonlyMap<string, Buffer>;
  readonly summary: ChangesSummary;
}

/** Reads a slice from the server at `uri` as a job does. */
export async function takeChanges(
  uri: string,
  from: Position,
  enough: () => boolean = () => false,
): Promise<TakenChanges> {
  const { hostname: host, port } = new URL(uri);
  const signal = new AbortController().signal;
  await using session = await mongodb.open(
    configFor({ host, port: Number(port) }),
    makeContext(signal),
    "read",
  );
  if (session.changes === undefined) throw new Error("the server keeps no log");
  const changes = session.changes(from, { enough });
  const items = new Map<string, Buffer>();
  for await (const { name, body } of changes.items) {
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(Buffer.from(chunk));
    items.set(name, Buffer.concat(chunks));
  }
  return { items, summary: await changes.summary() };
}

interface OplogEntry {
  readonly op: string;
  readonly ns: string;
  readonly ts: unknown;
  readonly o: Record<string, unknown>;
}

/** The entries of a slice, read by the driver's own decoder. */
export function readEntries(items: ReadonlyMap<string, Buffer>): OplogEntry[] {
  const entries: OplogEntry[] = [];
  for (const bytes of items.values())
    for (let at = 0; at < bytes.length; at += bytes.readInt32LE(at))
      entries.push(BSON.deserialize(bytes.subarray(at, at + bytes.readInt32LE(at))) as OplogEntry);
  return entries;
}
