import { z } from "zod";
import { SourceError } from "../model/errors.ts";
import { memberOf, type QdrantClient } from "./client.ts";
import { type Exact, ExactNumber, writeExact } from "./exact-json.ts";

/** A snapshot is made, or recovered, while the answer is waited for: hours where the collection is large. */
const SNAPSHOT_TIMEOUT_MS = 6 * 3_600_000;

const snapshotSchema = z.object({
  name: z.string().min(1),
  size: z.int().nonnegative(),
  checksum: z.string().nullish(),
});
export type SnapshotFacts = z.infer<typeof snapshotSchema>;

const aliasSchema = z.object({ alias_name: z.string(), collection_name: z.string() });
const shardsSchema = z.object({
  local_shards: z.array(z.object({ shard_id: z.int() })),
  remote_shards: z.array(z.object({ shard_id: z.int() })),
});

export interface Alias {
  readonly alias: string;
  readonly collection: string;
}

/** What a collection is set to, besides its points. */
export interface CollectionInfo {
  readonly config: Exact;
  readonly payloadSchema: Exact;
}

/** The calls of Qdrant's REST interface that a backup needs; source: its OpenAPI document. */
export class QdrantApi {
  readonly #client: QdrantClient;

  constructor(client: QdrantClient) {
    this.#client = client;
  }

  get signal(): AbortSignal {
    return this.#client.signal;
  }

  /** `1.12.4`, and the server's clock. */
  async root(): Promise<{ readonly version: string; readonly at: Date | undefined }> {
    const { result, at } = await this.#client.call({ method: "GET", path: "/" });
    const version = memberOf(result, "version");
    if (typeof version === "string") return { version, at };
    throw new SourceError(
      "UNSUPPORTED",
      "The server does not say a version of Qdrant. See that Qdrant's REST port is named, 6333 by default.",
    );
  }

  /** In order of name. */
  async collections(): Promise<string[]> {
    const schema = z.object({ collections: z.array(z.object({ name: z.string() })) });
    const { collections } = await this.#get("/collections", schema);
    return collections.map(({ name }) => name).sort();
  }

  async aliases(): Promise<Alias[]> {
    const { aliases } = await this.#get("/aliases", z.object({ aliases: z.array(aliasSchema) }));
    return aliases
      .map(({ alias_name, collection_name }) => ({ alias: alias_name, collection: collection_name }))
      .sort((left, right) => (left.alias < right.alias ? -1 : 1));
  }

  /** All of them, or none. */
  async changeAliases(change: {
    readonly remove?: readonly string[];
    readonly create?: readonly Alias[];
  }): Promise<void> {
    const actions: Exact[] = [
      ...(change.remove ?? []).map((alias) => ({ delete_alias: { alias_name: alias } })),
      ...(change.create ?? []).map(({ alias, collection }) => ({
        create_alias: { alias_name: alias, collection_name: collection },
      })),
    ];
    if (actions.length === 0) return;
    await this.#client.call({ method: "POST", path: "/collections/aliases", body: { actions } });
  }

  async cluster(): Promise<Exact> {
    return (await this.#client.call({ method: "GET", path: "/cluster" })).result;
  }

  /** Numbers of the shards of which this node has no copy. */
  async foreignShards(collection: string): Promise<number[]> {
    const { local_shards, remote_shards } = await this.#get(`${of(collection)}/cluster`, shardsSchema);
    const local = new Set(local_shards.map(({ shard_id }) => shard_id));
    return remote_shards.map(({ shard_id }) => shard_id).filter((shard) => !local.has(shard));
  }

  async info(collection: string): Promise<CollectionInfo> {
    const { result } = await this.#client.call({ method: "GET", path: of(collection) });
    return {
      config: memberOf(result, "config") ?? null,
      payloadSchema: memberOf(result, "payload_schema") ?? {},
    };
  }

  /** Answers once the collection is gone. */
  async drop(collection: string): Promise<void> {
    await this.#client.call({ method: "DELETE", path: of(collection) });
  }

  /** Ids in their order from `offset` on, and where the next page begins. */
  async scrollIds(collection: string, limit: number, offset: Exact | undefined) {
    const body: Exact = {
      limit: new ExactNumber(String(limit)),
      with_payload: false,
      with_vector: false,
      ...(offset !== undefined && { offset }),
    };
    const path = `${of(collection)}/points/scroll`;
    const { result } = await this.#client.call({ method: "POST", path, body });
    const ids = listOf(result, "points").map((point) => memberOf(point, "id") ?? null);
    return { ids, next: memberOf(result, "next_page_offset") ?? null };
  }

  /** Points with their vectors and payload, in no order; an id without a point is left out. */
  async retrieve(collection: string, ids: readonly Exact[]): Promise<readonly Exact[]> {
    const body = { ids, with_payload: true, with_vector: true };
    const call = { method: "POST", path: `${of(collection)}/points`, body } as const;
    const { result } = await this.#client.call(call);
    return Array.isArray(result) ? result : [];
  }

  async snapshots(collection: string): Promise<SnapshotFacts[]> {
    return await this.#get(`${of(collection)}/snapshots`, z.array(snapshotSchema));
  }

  async makeSnapshot(collection: string): Promise<SnapshotFacts> {
    const path = `${of(collection)}/snapshots?wait=true`;
    const call = { method: "POST", path, timeoutMs: SNAPSHOT_TIMEOUT_MS } as const;
    const { result } = await this.#client.call(call);
    return parseAs(snapshotSchema, result, path);
  }

  async removeSnapshot(collection: string, snapshot: string): Promise<void> {
    await this.#client.call({ method: "DELETE", path: `${snapshotOf(collection, snapshot)}?wait=true` });
  }

  async downloadSnapshot(collection: string, snapshot: string) {
    return await this.#client.download(snapshotOf(collection, snapshot));
  }

  /** Makes the collection what the snapshot holds, whatever other replicas say; the server compares the checksum. */
  async recover(
    collection: string,
    body: Parameters<QdrantClient["upload"]>[3],
    facts: { readonly contentType: string; readonly length: number; readonly checksum: string },
  ): Promise<void> {
    const query = `priority=snapshot&wait=true&checksum=${facts.checksum}`;
    const path = `${of(collection)}/snapshots/upload?${query}`;
    await this.#client.upload(path, facts.contentType, facts.length, body, SNAPSHOT_TIMEOUT_MS);
  }

  async #get<Result>(path: string, schema: z.ZodType<Result>): Promise<Result> {
    const { result } = await this.#client.call({ method: "GET", path });
    return parseAs(schema, result, path);
  }
}

function of(collection: string): string {
  return `/collections/${encodeURIComponent(collection)}`;
}

function snapshotOf(collection: string, snapshot: string): string {
  return `${of(collection)}/snapshots/${encodeURIComponent(snapshot)}`;
}

function listOf(value: Exact, name: string): readonly Exact[] {
  const list = memberOf(value, name);
  return Array.isArray(list) ? list : [];
}

function parseAs<Result>(schema: z.ZodType<Result>, value: Exact, path: string): Result {
  const parsed = schema.safeParse(JSON.parse(writeExact(value)));
  if (parsed.success) return parsed.data;
  throw new SourceError(
    "UNSUPPORTED",
    `${path} answered in another form than Qdrant 1.9 to 1.20: ${parsed.error.issues[0]?.path.join(".")} ${parsed.error.issues[0]?.message}. Look whether the server is of a version that docs/sources.md names.`,
    { facts: { path } },
  );
}
