import { SourceError } from "../../lambda/engine/model/errors.ts";
import type { Position } from "../../lambda/engine/model/manifest.ts";
import { logTimeOf, positionOf } from "../../lambda/engine/model/position.ts";
import type {
  Changes,
  ChangesOptions,
  RestoreRequest,
  Session,
  Source,
} from "../../lambda/engine/sources/source.ts";
import type { FakeServer } from "./fake-source.ts";

interface FakeEntry {
  readonly seconds: number;
  readonly namespace: string;
  /** Undefined: the namespace was dropped. */
  readonly record: string | undefined;
}

/** The log of a server in memory, one entry a second at most. */
export interface FakeLog {
  readonly entries: FakeEntry[];
  now: number;
  /** Entries before it were rolled over. */
  oldest: number;
}

export const LOG_START = Date.UTC(2026, 10, 23, 23, 0, 0) / 1000;

export function makeFakeLog(): FakeLog {
  return { entries: [], now: LOG_START, oldest: LOG_START };
}

/** Writes to the server and its log, a second later than the last time. */
export function write(
  server: FakeServer | undefined,
  log: FakeLog,
  namespace: string,
  record?: string,
): void {
  log.now += 1;
  log.entries.push({ seconds: log.now, namespace, record });
  if (server) apply(server, namespace, record);
}

function apply(server: FakeServer, namespace: string, record: string | undefined): void {
  if (record === undefined) server.namespaces.delete(namespace);
  else server.namespaces.set(namespace, [...(server.namespaces.get(namespace) ?? []), record]);
}

/** The source with a log: its dumps have a place in it, its sessions have changes, its restores replay them. */
export function withLog(source: Source, log: FakeLog, servers: ReadonlyMap<string, FakeServer>): Source {
  return {
    ...source,
    async open(config, context, purpose) {
      const session = await source.open(config, context, purpose);
      const server = servers.get((config as { server: string }).server);
      return server === undefined ? session : logged(session, log, server);
    },
  };
}

function logged(session: Session, log: FakeLog, server: FakeServer): Session {
  return {
    ...session,
    dump(options) {
      const dump = session.dump(options);
      const to = positionOf({ seconds: log.now, ordinal: 1 });
      return { items: dump.items, summary: async () => ({ ...(await dump.summary()), from: to, to }) };
    },
    changes: (from, options) => readChanges(log, from, options),
    async restore(request) {
      const report = await session.restore(request);
      await replay(server, request);
      return report;
    },
  };
}

function readChanges(log: FakeLog, from: Position, { enough }: ChangesOptions): Changes {
  const start = logTimeOf(from)?.seconds ?? 0;
  const read: FakeEntry[] = [];
  let end = log.now;
  async function* body() {
    if (start < log.oldest) throw new SourceError("OPLOG_GAP", `The log no longer holds ${from.log}.`);
    for (const entry of log.entries.filter(({ seconds }) => seconds > start)) {
      read.push(entry);
      yield Buffer.from(`${JSON.stringify(entry)}\n`);
      if (!enough()) continue;
      end = entry.seconds;
      return;
    }
  }
  async function* items() {
    if (end > start) yield { name: "dump/oplog.bson", body: body() };
  }
  return {
    items: items(),
    summary: async () => ({
      from,
      to: positionOf({ seconds: Math.max(start, end), ordinal: 1 }),
      touched: [...new Set(read.map(({ namespace }) => namespace))].sort(),
      destructive: read
        .filter(({ record }) => record === undefined)
        .map(({ namespace, seconds }) => ({
          command: "drop" as const,
          namespace,
          at: positionOf({ seconds, ordinal: 1 }),
        })),
      notReplayed: read.map(({ namespace }) => namespace).filter((name) => name.startsWith("admin.system.")),
      versions: { server: "7.0.0", major: "7" },
    }),
  };
}

async function replay(server: FakeServer, { changes, manifest }: RestoreRequest): Promise<void> {
  let reached = logTimeOf(manifest.to)?.seconds ?? 0;
  const until = changes ? (logTimeOf(changes.until)?.seconds ?? 0) : 0;
  const ordinal = changes ? (logTimeOf(changes.until)?.ordinal ?? 0) : 0;
  for (const item of changes?.items ?? []) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of item.open()) chunks.push(chunk);
    const lines = Buffer.concat(chunks).toString().split("\n");
    for (const line of lines.filter((text) => text !== "")) {
      const entry = JSON.parse(line) as FakeEntry;
      if (entry.seconds <= reached || entry.seconds > until || (entry.seconds === until && ordinal < 1))
        continue;
      reached = entry.seconds;
      apply(server, entry.namespace, entry.record);
    }
  }
}
