import { createHash } from "node:crypto";
import { z } from "zod";
import {
  IntegrityError,
  RefusedError,
  SourceError,
  throwIfAborted,
} from "../../lambda/engine/model/errors.ts";
import type { Fingerprint, NamespaceFingerprint } from "../../lambda/engine/model/fingerprint.ts";
import { findIdlePatterns, refuseScope, selectorOf } from "../../lambda/engine/model/scope.ts";
import type {
  Context,
  Dump,
  DumpItem,
  DumpOptions,
  FingerprintOptions,
  RestoreRequest,
  Session,
  Source,
} from "../../lambda/engine/sources/source.ts";

import { fakeMap, fakeScopes } from "./fake-scopes.ts";

/** A server in memory: namespace → records. `log` are writes that happen while it is dumped. */
export interface FakeServer {
  readonly namespaces: Map<string, string[]>;
  readonly log: { namespace: string; record: string }[];
  major: string;
  reachable: boolean;
  /** What `probe` tells of the file system below the data; undefined: it does not tell. */
  space?: { readonly totalBytes: number; readonly freeBytes: number };
  /** The stream of this namespace ends after its first record, without an error. */
  endsEarlyAt?: string;
  /** Awaited before each record is read. */
  beforeRecord?: () => Promise<void>;
  /** Changes what a restore writes: a server that does not keep what it was given. */
  onWrite?: (record: string) => string;
}

export function fakeServer(contents: Readonly<Record<string, readonly string[]>> = {}): FakeServer {
  const namespaces = new Map(Object.entries(contents).map(([name, records]) => [name, [...records]]));
  return { namespaces, log: [], major: "7", reachable: true };
}

const configSchema = z.strictObject({ server: z.string() });
type FakeConfig = z.infer<typeof configSchema>;
const LOG_ITEM = "dump/log.json";

/** A source that obeys the contract of `Source` over servers in memory, found by `config.server`. */
export function fakeSource(servers: ReadonlyMap<string, FakeServer>): Source {
  const source: Source<FakeConfig> = {
    kind: "fake",
    description: { title: "Fake", covers: [], leavesOut: [] },
    config: configSchema,
    needs: {
      compute: "lambda",
      stage: "databases",
      keepsLog: true,
      drill: { image: "fake", majors: ["7"], port: 1, command: [] },
    },
    scopes: fakeScopes,
    async open(config, context) {
      const server = servers.get(config.server);
      if (server?.reachable) return openSession(server, context);
      throw new SourceError("UNREACHABLE", `No fake server answers at ${config.server}. Start one.`);
    },
    drillConfig: ({ host, port }) => ({ server: `${host}:${port}` }),
  };
  return source as unknown as Source;
}

/** What a server holds, comparable. */
function fingerprintOf(server: FakeServer, wanted?: readonly string[]): Fingerprint {
  const names = [...server.namespaces.keys()].filter((name) => wanted?.includes(name) ?? true);
  return Object.fromEntries(names.map((name) => [name, describe(server.namespaces.get(name) ?? [])]));
}

function describe(records: readonly string[]): NamespaceFingerprint {
  const hash = createHash("sha256")
    .update(JSON.stringify([...records].sort()))
    .digest("hex");
  const bytes = records.reduce((sum, record) => sum + Buffer.byteLength(record), 0);
  return {
    kind: "collection",
    count: records.length,
    bytes,
    contentHash: hash.slice(0, 32),
    options: {},
    indexes: [],
  };
}

function openSession(server: FakeServer, context: Context): Session {
  return {
    probe: async () => ({
      versions: { server: `${server.major}.0.0`, major: server.major },
      bytesEstimate: bytesOf(server),
      position: { at: context.clock.now().toISOString() },
      empty: server.namespaces.size === 0,
      namespaces: [...server.namespaces.keys()].sort(),
      ...(server.space && { space: server.space }),
    }),
    dump: (options) => startDump(server, context, options),
    restore: (request) => restore(server, request),
    fingerprint: async ({ namespaces, restored } = {}) =>
      fingerprintOf(server, restored ? targetsOf(server, restored) : namespaces),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** What a restore of that part is answerable for. */
function targetsOf(server: FakeServer, { manifest, scope }: NonNullable<FingerprintOptions["restored"]>) {
  return [...server.namespaces.keys()].filter(fakeMap(manifest, scope).isTarget);
}

function bytesOf({ namespaces }: FakeServer): number {
  return [...namespaces.values()].flat().reduce((sum, record) => sum + Buffer.byteLength(record), 0);
}

function startDump(server: FakeServer, context: Context, options: DumpOptions): Dump {
  const idle = findIdlePatterns({ include: options.scope?.include }, [...server.namespaces.keys()]);
  if (idle.length > 0) refuseScope(idle);
  const read: Record<string, string[]> = {};
  const ended = new Set<string>();
  const wanted = [...server.namespaces].filter(([name]) => selectorOf(options.scope)(name));
  const expected = new Map(wanted.map(([name, records]) => [name, records.length]));
  const hasLog = server.log.length > 0;

  async function* body(name: string): AsyncGenerator<Uint8Array> {
    const records = server.namespaces.get(name) ?? [];
    const taken: string[] = [];
    read[name] = taken;
    for (const record of server.endsEarlyAt === name ? records.slice(0, 1) : [...records]) {
      await server.beforeRecord?.();
      throwIfAborted(context.signal);
      taken.push(record);
      yield Buffer.from(`${JSON.stringify(record)}\n`);
    }
    ended.add(name);
  }
  async function* items(): AsyncGenerator<DumpItem> {
    for (const name of expected.keys()) yield { name: `dump/${name}.json`, body: body(name) };
    if (hasLog) yield { name: LOG_ITEM, body: logBody() };
  }
  async function* logBody(): AsyncGenerator<Uint8Array> {
    for (const operation of server.log) yield Buffer.from(`${JSON.stringify(operation)}\n`);
    for (const { namespace, record } of server.log) server.namespaces.get(namespace)?.push(record);
  }
  return {
    items: items(),
    async summary() {
      for (const [name, count] of expected)
        if (!ended.has(name) || read[name]?.length !== count)
          throw new IntegrityError(
            "STREAM_TRUNCATED",
            `${name} ended after ${read[name]?.length ?? 0} of ${count} records.`,
          );
      const touched = [...new Set(server.log.map(({ namespace }) => namespace))];
      return {
        fingerprint: Object.fromEntries(
          Object.entries(read).map(([name, records]) => [name, describe(records)]),
        ),
        ...(hasLog && {
          endState: {
            touched,
            fingerprint: options.proof === "end-state" ? fingerprintOf(server, touched) : {},
          },
        }),
        ...(options.scope && { scope: options.scope }),
        to: { at: context.clock.now().toISOString() },
        versions: { server: `${server.major}.0.0`, major: server.major },
      };
    },
  };
}

async function restore(server: FakeServer, request: RestoreRequest) {
  const map = fakeMap(request.manifest, request.scope);
  const present = [...server.namespaces.keys()].filter(map.isTarget);
  if ((request.guard === "refuse-non-empty" || request.scope?.beside !== undefined) && present.length > 0)
    throw new RefusedError("TARGET_NOT_EMPTY", "The fake server holds data. Empty it.");
  await request.beforeChange?.();
  for (const name of present) server.namespaces.delete(name);
  const report = { records: 0, replayedOperations: 0, bytes: 0 };
  for (const item of request.items.filter(({ name }) => name !== LOG_ITEM)) {
    const name = item.name.replace(/^dump\/(.*)\.json$/, "$1");
    if (!map.isSelected(name)) continue;
    const lines = await readLines(item.open());
    const records = lines.map((line) => JSON.parse(line) as string);
    server.namespaces.set(
      map.targetOf(name),
      records.map((record) => server.onWrite?.(record) ?? record),
    );
    report.records += records.length;
  }
  await request.beforeReplay?.();
  const log = request.items.find(({ name }) => name === LOG_ITEM);
  for (const line of log ? await readLines(log.open()) : []) {
    const { namespace, record } = JSON.parse(line) as { namespace: string; record: string };
    server.namespaces.get(namespace)?.push(record);
    report.replayedOperations += 1;
  }
  return report;
}

async function readLines(body: AsyncIterable<Uint8Array>): Promise<string[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks)
    .toString()
    .split("\n")
    .filter((line) => line !== "");
}
