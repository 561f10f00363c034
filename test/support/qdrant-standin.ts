import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type Collection,
  digest,
  fileOf,
  fromSnapshot,
  type Point,
  Refusal,
  rounded,
  scroll,
  toSnapshot,
} from "./qdrant-standin-store.ts";

/**
 * A stand-in for a Qdrant node, since no package that can be had here carries the server. It follows the public REST
 * contract (OpenAPI document of Qdrant 1.12, and what its sources answer): paths, status codes, error bodies, names
 * and checksums of snapshots, aliases that are in no snapshot, an uploaded snapshot that stays. What is in a snapshot
 * is its own affair, as it is the real server's; what a collection's settings default to is a sample of the real ones.
 */
export interface QdrantStandin extends AsyncDisposable {
  readonly port: number;
  version: string;
  /** Asked before each answer; true: it has answered by itself. */
  intercept?: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;
  /** `METHOD /path?query` of every request. */
  readonly seen: string[];
  /** Shards of a collection that only other nodes have. */
  readonly foreignShards: Map<string, number[]>;
  /** Snapshots by collection and name; nobody else counts what is left here. */
  readonly snapshots: Map<string, Map<string, Buffer>>;
}

interface State {
  readonly collections: Map<string, Collection>;
  readonly aliases: Map<string, string>;
  readonly apiKey: string | undefined;
}
/** Members of the bodies that are taken. */
interface Body {
  readonly actions?: readonly Record<string, Record<string, string>>[];
  readonly vectors?: unknown;
  readonly sparse_vectors?: unknown;
  readonly hnsw_config?: object;
  readonly field_name?: string;
  readonly field_schema?: string;
  readonly points?: readonly (Point | Point["id"])[];
  readonly ids?: readonly Point["id"][];
  readonly limit?: number;
  readonly offset?: Point["id"];
}
interface Asked {
  readonly method: string;
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly body: Buffer;
}

const PEER_ID = 5_034_220_108_431_873;
const PUBLIC = new Set(["/", "/healthz", "/livez", "/readyz"]);

export async function startQdrantStandin(
  options: { apiKey?: string; port?: number } = {},
): Promise<QdrantStandin> {
  const state: State = { collections: new Map(), aliases: new Map(), apiKey: options.apiKey };
  const own = { version: "1.12.4", seen: [], foreignShards: new Map(), snapshots: new Map() };
  const node = { ...own } as unknown as QdrantStandin & { port: number };
  const server = createServer((request, response) => {
    serve(node, state, request, response).catch((error) => response.destroy(error));
  });
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  node.port = (server.address() as AddressInfo).port;
  node[Symbol.asyncDispose] = () => close(server);
  return node;
}

async function close(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}

async function serve(node: QdrantStandin, state: State, request: IncomingMessage, response: ServerResponse) {
  const url = new URL(request.url ?? "/", "http://standin");
  node.seen.push(`${request.method} ${request.url}`);
  if (await node.intercept?.(request, response)) return;
  const denied = denial(state, url.pathname, request.headers["api-key"]);
  if (denied !== undefined) return void response.writeHead(401, { "content-type": "text/plain" }).end(denied);
  const body = Buffer.concat(await request.toArray());
  const path = url.pathname.split("/").slice(1).map(decodeURIComponent);
  try {
    const asked = { method: request.method ?? "GET", path, query: url.searchParams, body };
    const result = answer(node, state, asked);
    if (Buffer.isBuffer(result))
      return void response.writeHead(200, { "content-length": result.length }).end(result);
    send(response, 200, url.pathname === "/" ? result : { result, status: "ok", time: 0.001 });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    send(response, error.status, { status: { error: error.message }, time: 0.001 });
  }
}

function denial({ apiKey }: State, path: string, got: string | string[] | undefined): string | undefined {
  if (apiKey === undefined || PUBLIC.has(path) || got === apiKey) return undefined;
  return got === undefined
    ? "Must provide an API key or an Authorization bearer token"
    : "Invalid API key or JWT";
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function answer(node: QdrantStandin, state: State, asked: Asked): unknown {
  const [head, name = "", what, ...rest] = asked.path;
  if (head === "")
    return { title: "qdrant - vector search engine", version: node.version, commit: "stand-in" };
  if (head === "aliases") return { aliases: aliasesOf(state) };
  if (head === "cluster") return { status: "disabled" };
  if (head !== "collections") throw new Refusal(404, "Not found");
  if (name === "") return { collections: [...state.collections.keys()].map((one) => ({ name: one })) };
  if (name === "aliases" && asked.method === "POST") return changeAliases(state, jsonOf(asked));
  if (what === undefined) return answerCollection(node, state, name, asked);
  if (what === "snapshots") return answerSnapshots(node, state, name, rest, asked);
  const collection = findCollection(state, name);
  if (what === "cluster") return shardsOf(collection, node.foreignShards.get(name) ?? []);
  if (what === "index") return indexField(collection, jsonOf(asked));
  return answerPoints(collection, rest, asked);
}

function findCollection({ collections, aliases }: State, name: string): Collection {
  const found = collections.get(aliases.get(name) ?? name);
  if (found === undefined) throw new Refusal(404, `Not found: Collection \`${name}\` doesn't exist!`);
  return found;
}

function aliasesOf({ aliases }: State) {
  return [...aliases].map(([alias_name, collection_name]) => ({ alias_name, collection_name }));
}

function changeAliases(state: State, { actions }: Body): true {
  for (const { create_alias: create, delete_alias: remove } of actions ?? []) {
    if (create !== undefined) {
      const { alias_name: alias = "", collection_name: collection = "" } = create;
      findCollection(state, collection);
      if (state.collections.has(alias))
        throw new Refusal(409, `Wrong input: Collection \`${alias}\` already exists!`);
      state.aliases.set(alias, collection);
    }
    if (remove !== undefined) state.aliases.delete(remove.alias_name ?? "");
  }
  return true;
}

function answerCollection(node: QdrantStandin, state: State, name: string, asked: Asked): unknown {
  if (asked.method === "DELETE") {
    for (const [alias, collection] of state.aliases) if (collection === name) state.aliases.delete(alias);
    node.snapshots.delete(name);
    return state.collections.delete(name);
  }
  if (asked.method === "PUT") {
    if (state.collections.has(name) || state.aliases.has(name))
      throw new Refusal(409, `Wrong input: Collection \`${name}\` already exists!`);
    state.collections.set(name, makeCollection(jsonOf(asked)));
    return true;
  }
  const { config, schema, points } = findCollection(state, name);
  const indexes = Object.entries(schema).map(([field, type]) => [
    field,
    { data_type: type, points: points.size },
  ]);
  return {
    ...{ status: "green", optimizer_status: "ok", segments_count: 2, indexed_vectors_count: 0 },
    ...{ points_count: points.size, config, payload_schema: Object.fromEntries(indexes) },
  };
}

function makeCollection({ vectors, sparse_vectors, hnsw_config }: Body): Collection {
  const sparse = sparse_vectors === undefined ? {} : { sparse_vectors };
  const sharding = { shard_number: 1, replication_factor: 1, write_consistency_factor: 1 };
  return {
    config: {
      params: { vectors, ...sparse, ...sharding, on_disk_payload: true },
      hnsw_config: { m: 16, ef_construct: 100, full_scan_threshold: 10_000, ...hnsw_config },
      optimizer_config: { deleted_threshold: 0.2, vacuum_min_vector_number: 1_000, flush_interval_sec: 5 },
      wal_config: { wal_capacity_mb: 32, wal_segments_ahead: 0 },
      quantization_config: null,
    },
    schema: {},
    points: new Map(),
  };
}

function shardsOf({ points }: Collection, foreign: readonly number[]) {
  const state = "Active";
  return {
    ...{ peer_id: PEER_ID, shard_count: 1 + foreign.length, shard_transfers: [] },
    local_shards: [{ shard_id: 0, points_count: points.size, state }],
    remote_shards: foreign.map((shard_id) => ({ shard_id, peer_id: PEER_ID + 1, state })),
  };
}

function indexField(collection: Collection, { field_name, field_schema }: Body) {
  collection.schema[field_name ?? ""] = field_schema;
  return { operation_id: 0, status: "completed" };
}

function answerPoints(collection: Collection, [action]: readonly string[], asked: Asked): unknown {
  const { points } = collection;
  const body = jsonOf(asked);
  if (asked.method === "PUT")
    for (const point of (body.points ?? []) as Point[]) points.set(String(point.id), rounded(point));
  else if (action === "delete") for (const id of body.points ?? []) points.delete(String(id));
  else if (action === "scroll") return scroll(points, body);
  else return (body.ids ?? []).flatMap((id) => points.get(String(id)) ?? []);
  return { operation_id: 0, status: "completed" };
}

function answerSnapshots(
  node: QdrantStandin,
  state: State,
  name: string,
  [snapshot]: readonly string[],
  asked: Asked,
): unknown {
  if (snapshot === "upload") return recover(node, state, name, asked);
  const collection = findCollection(state, name);
  const kept = snapshotsOf(node, name);
  if (snapshot === undefined && asked.method === "POST") {
    const time = new Date().toISOString().slice(0, 19).replace("T", "-").replaceAll(":", "-");
    const made = `${name}-${PEER_ID}-${time}.snapshot`;
    kept.set(made, toSnapshot(collection));
    return describe(made, kept.get(made));
  }
  if (snapshot === undefined) return [...kept].map(([one, bytes]) => describe(one, bytes));
  const bytes = kept.get(snapshot);
  if (bytes === undefined) throw new Refusal(404, `Not found: Snapshot ${snapshot} not found`);
  return asked.method === "DELETE" ? kept.delete(snapshot) : bytes;
}

function snapshotsOf({ snapshots }: QdrantStandin, name: string): Map<string, Buffer> {
  const kept = snapshots.get(name) ?? new Map<string, Buffer>();
  snapshots.set(name, kept);
  return kept;
}

function describe(name: string, bytes: Buffer = Buffer.alloc(0)) {
  const creation_time = new Date().toISOString().slice(0, 19);
  return { name, creation_time, size: bytes.length, checksum: digest(bytes) };
}

/** The file that was uploaded stays in the list of snapshots, as Qdrant leaves it. */
function recover(node: QdrantStandin, state: State, name: string, { body, query }: Asked): true {
  const file = fileOf(body);
  const [wanted, got] = [query.get("checksum"), digest(file.bytes)];
  if (wanted !== null && wanted !== got)
    throw new Refusal(400, `Bad request: Snapshot checksum mismatch: expected ${wanted}, got ${got}`);
  const recovered = fromSnapshot(file.bytes);
  if (state.aliases.has(name)) throw new Refusal(409, `Wrong input: Collection \`${name}\` already exists!`);
  const present = state.collections.get(name);
  const vectorsOf = ({ config }: Collection) => JSON.stringify(config.params.vectors);
  if (present && vectorsOf(present) !== vectorsOf(recovered))
    throw new Refusal(400, "Wrong input: Snapshot is not compatible with existing collection");
  state.collections.set(name, present ? { ...present, points: recovered.points } : recovered);
  snapshotsOf(node, name).set(file.name, Buffer.from(file.bytes));
  return true;
}

function jsonOf({ body }: Asked): Body {
  if (body.length === 0) return {};
  try {
    return JSON.parse(body.toString()) as Body;
  } catch (error) {
    throw new Refusal(400, `Format error in JSON body: ${String(error)}`);
  }
}
