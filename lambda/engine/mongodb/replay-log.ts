import { compareLogTimes } from "../model/position.ts";
import type { RestoreItem } from "../sources/source.ts";
import type { DumpTools } from "./dump-tools.ts";
import type { Listed } from "./list-namespaces.ts";
import { type Entry, type OplogTime, readEntry, readTime } from "./oplog.ts";
import { Replay } from "./replay.ts";
import type { ScopedLog } from "./scope/scoped-log.ts";
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
  scoped?: ScopedLog,
): Promise<Replayed> {
  const replay = new Replay(tools.replayConnection ?? tools.connection, listed);
  const changed = new TouchedNamespaces();
  await replay.relaxUnique(touched);
  const use = async (entry: Entry, of: "span" | "slice") => {
    for (const one of scoped?.take(entry) ?? [entry]) {
      if (of === "slice") changed.addInOrder(one);
      await replay.add(one);
    }
  };
  await readLog(log, tools.connection.signal, use, (name, bytes) =>
    tools.progress({ phase: "replay", name, bytes }),
  );
  await replay.finish();
  return { operations: replay.operations, ...(log.slices && { changed: changed.names(listed) }) };
}

type Choice = "use" | "skip" | "stop";
type UseEntry = (entry: Entry, of: "span" | "slice") => void | Promise<void>;

/** Reads the entries that are replayed, in their order: all of the dump's span, of the slices those up to the end. */
export async function readLog(
  log: ReplayedLog,
  signal: AbortSignal,
  use: UseEntry,
  progress: (name: string, bytes: number) => void = () => {},
): Promise<void> {
  for (const item of log.items) await readItem(item, "span", signal, use, () => "use", progress);
  if (log.slices === undefined) return;
  let reached = log.base;
  const choose = (entry: Entry): Choice => {
    const time = readTime(entry.bytes);
    if (time === undefined || compareLogTimes(time, reached) <= 0) return "skip";
    if (compareLogTimes(time, log.until) > 0) return "stop";
    reached = time;
    return "use";
  };
  for (const item of log.slices) await readItem(item, "slice", signal, use, choose, progress);
}

async function readItem(
  item: RestoreItem,
  of: "span" | "slice",
  signal: AbortSignal,
  use: UseEntry,
  choose: (entry: Entry) => Choice,
  progress: (name: string, bytes: number) => void,
): Promise<void> {
  for await (const { bytes, ends } of splitDocuments(item, READ, signal)) {
    let start = 0;
    for (const end of ends) {
      const entry = readEntry(bytes.subarray(start, end));
      const choice = choose(entry);
      if (choice === "stop") return;
      if (choice === "use") await use(entry, of);
      start = end;
    }
    progress(item.name, bytes.length);
  }
}
