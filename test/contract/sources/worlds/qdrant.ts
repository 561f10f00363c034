import {
  clearQdrant,
  judgeQdrant,
  QDRANT_KEY,
  type QdrantNode,
  startQdrant,
} from "../../../support/qdrant.ts";
import type { Place, SourceWorld } from "../world.ts";

const PAYLOAD_BYTES = 8_000;
const POINTS_AT_ONCE = 200;
const PRODUCTS = "/collections/products";

/** Two nodes of Qdrant: the real server where one is named, else the stand-in. */
export async function startQdrantWorld(): Promise<SourceWorld> {
  const nodes = { source: await startQdrant(), target: await startQdrant() };
  return {
    configOf: (place) => ({
      reach: { via: "direct", host: "127.0.0.1", port: nodes[place].port },
      apiKeySecret: "api-key",
    }),
    secrets: { "api-key": QDRANT_KEY },
    clear: (place) => clearQdrant(nodes[place]),
    fill: (place) => fill(nodes[place]),
    grow: (place, bytes) => grow(nodes[place], bytes),
    judge: (place) => judgeQdrant(nodes[place]),
    changes: changesOf(nodes),
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(nodes).map((node) => node[Symbol.asyncDispose]()));
    },
  };
}

async function fill({ call }: QdrantNode): Promise<void> {
  await call("PUT", PRODUCTS, { vectors: { size: 4, distance: "Dot" } });
  const points = [
    { id: 1, vector: [0.1, 0.2, 0.3, 0.4], payload: { city: "القاهرة", price: 1.5 } },
    { id: 2, vector: [0.5, 0.6, 0.7, 0.8], payload: { city: "Aswan", tags: ["a", "b"] } },
    { id: "5c56c793-69f3-4fbf-87e6-c4bf54c28c26", vector: [1, 0, 0, 1], payload: {} },
  ];
  await call("PUT", `${PRODUCTS}/points?wait=true`, { points });
  await call("PUT", `${PRODUCTS}/index?wait=true`, { field_name: "city", field_schema: "keyword" });
  await call("PUT", "/collections/documents", {
    vectors: { title: { size: 2, distance: "Cosine" }, body: { size: 3, distance: "Euclid" } },
  });
  await call("PUT", "/collections/empty", { vectors: { size: 8, distance: "Dot" } });
  const alias = { alias_name: "live", collection_name: "products" };
  await call("POST", "/collections/aliases", { actions: [{ create_alias: alias }] });
}

async function grow({ call }: QdrantNode, bytes: number): Promise<void> {
  const { collections } = (await call("GET", "/collections")) as { collections: { name: string }[] };
  if (!collections.some(({ name }) => name === "bulk"))
    await call("PUT", "/collections/bulk", { vectors: { size: 4, distance: "Dot" } });
  const { points_count: present } = (await call("GET", "/collections/bulk")) as { points_count: number };
  const count = Math.ceil(bytes / PAYLOAD_BYTES);
  const text = "x".repeat(PAYLOAD_BYTES);
  for (let first = 0; first < count; first += POINTS_AT_ONCE) {
    const points = Array.from({ length: Math.min(POINTS_AT_ONCE, count - first) }, (_, index) => {
      const id = present + first + index + 1;
      return { id, vector: [id, 1, 2, 3], payload: { text: `${id} ${text}` } };
    });
    await call("PUT", "/collections/bulk/points?wait=true", { points });
  }
}

function changesOf(nodes: Readonly<Record<Place, QdrantNode>>): SourceWorld["changes"] {
  const upsert = (place: Place, point: object) =>
    nodes[place].call("PUT", `${PRODUCTS}/points?wait=true`, { points: [point] });
  const aliased = (place: Place, actions: object[]) =>
    nodes[place].call("POST", "/collections/aliases", { actions });
  const payload = { city: "Aswan", tags: ["a", "b"] };
  return {
    "one number of a vector": (place) => upsert(place, { id: 2, vector: [0.5, 0.6, 0.7, 0.9], payload }),
    "one value of a payload": (place) =>
      upsert(place, { id: 2, vector: [0.5, 0.6, 0.7, 0.8], payload: { ...payload, city: "Asyut" } }),
    "a lost point": (place) =>
      nodes[place].call("POST", `${PRODUCTS}/points/delete?wait=true`, { points: [1] }),
    "one more point": (place) => upsert(place, { id: 3, vector: [0, 0, 0, 0], payload: {} }),
    "an index of payload": (place) =>
      nodes[place].call("PUT", `${PRODUCTS}/index?wait=true`, { field_name: "price", field_schema: "float" }),
    "a lost alias": (place) => aliased(place, [{ delete_alias: { alias_name: "live" } }]),
    "an alias of another collection": (place) =>
      aliased(place, [
        { delete_alias: { alias_name: "live" } },
        { create_alias: { alias_name: "live", collection_name: "documents" } },
      ]),
    "an empty collection more": (place) =>
      nodes[place].call("PUT", "/collections/more", { vectors: { size: 1, distance: "Dot" } }),
  };
}
