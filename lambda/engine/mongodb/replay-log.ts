import { compareLogTimes } from "../model/position.ts";
import type { RestoreItem } from "../sources/source.ts";
import type { DumpTools } from "./dump-tools.ts";
import type { Listed } from "./list-namespaces.ts";
import { type Entry, type OplogTime, readEntry, readTime } from "./oplog.ts";
import { Replay } from "./replay.ts";
import { splitDocuments } from "./split-documents.ts";
import { TouchedNamespaces } from "./touched.ts";

const READ = { bytes: 4 * 1024 * 1024, documents: 5_000 } as const;

/** The oplog of a dump's span, and the slices upon it: they may overlap, and are replayed from `base` to `until`. */
export type ReplayedLog =
  | { readonly items: readonly RestoreItem[]; readonly slices?: never }
  | {
      readonly items: readonly RestoreItem[];
      readonly slices: readonly RestoreItem[];
      readonly base: OplogTime;
      readonly until: OplogTime;
    };

export interface Replayed {
  readonly operations: number;
  /** Namespaces that the slices changed, as far as they were replayed. */
  readonly changed?: readonly string[];
}

/**
 * Replays the oplog of a dump's span and the slices that extend it, as one stream, because a transaction may begin in
 * one and end in another; then builds the unique indexes of what the span touches.
 */
export async function replayOplog(
  tools: DumpTools,
  log: ReplayedLog,
  listed: readonly Listed[],
  touched: ReadonlySet<string>,
): Promise<Replayed> {
  const replay = new Replay(tools.connection, listed);
  await replay.relaxUnique(touched);
  for (const item of log.items) await replayItem(tools, replay, item, () => "replay");
  const changed = log.slices === undefined ? undefined : await replaySlices(tools, replay, log, listed);
  await replay.finish();
  return { operations: replay.operations, ...(changed && { changed }) };
}

type Choice = "replay" | "skip" | "stop";

async function replaySlices(
  tools: DumpTools,
  replay: Replay,
  { slices, base, until }: Extract<ReplayedLog, { base: OplogTime }>,
  listed: readonly Listed[],
): Promise<string[]> {
  const touched = new TouchedNamespaces();
  let reached = base;
  const choose = (entry: Entry): Choice => {
    const time = readTime(entry.bytes);
    if (time === undefined || compareLogTimes(time, reached) <= 0) return "skip";
    if (compareLogTimes(time, until) > 0) return "stop";
    reached = time;
    touched.addInOrder(entry);
    return "replay";
  };
  for (const item of slices) await replayItem(tools, replay, item, choose);
  return touched.names(listed);
}

async function replayItem(
  tools: DumpTools,
  replay: Replay,
  item: RestoreItem,
  choose: (entry: Entry) => Choice,
): Promise<void> {
  for await (const { bytes, ends } of splitDocuments(item, READ, tools.connection.signal)) {
    let start = 0;
    for (const end of ends) {
      const entry = readEntry(bytes.subarray(start, end));
      const choice = choose(entry);
      if (choice === "stop") return;
      if (choice === "replay") await replay.add(entry);
      start = end;
    }
    tools.progress({ phase: "replay", name: item.name, bytes: bytes.length });
  }
}
