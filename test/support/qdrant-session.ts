import { directHost } from "../../lambda/engine/host/direct-host.ts";
import { qdrant } from "../../lambda/engine/sources/qdrant.ts";
import type { DumpSummary, RestoreItem, Session, TargetGuard } from "../../lambda/engine/sources/source.ts";
import { readDump, toItem } from "../contract/sources/sessions.ts";
import { manifestFor } from "./mongodb.ts";
import { QDRANT_KEY } from "./qdrant.ts";
import type { QdrantStandin } from "./qdrant-standin.ts";

const NEVER = new AbortController().signal;
const PRODUCTS = "/collections/products";

export interface TakenFromQdrant {
  readonly items: ReadonlyMap<string, Buffer>;
  readonly summary: DumpSummary;
}

/** A session as a job opens it, by the registry's own schema. */
export function openQdrant(
  { port }: Pick<QdrantStandin, "port">,
  { key = QDRANT_KEY, signal = NEVER, tls }: { key?: string; signal?: AbortSignal; tls?: object } = {},
): Promise<Session> {
  const reach = { via: "direct", host: "127.0.0.1", port };
  const context = {
    signal,
    clock: { now: () => new Date() },
    random: { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) },
    host: directHost(),
    secret: async () => key,
    progress: () => {},
  };
  return qdrant.open(
    qdrant.config.parse({ reach, apiKeySecret: "api-key", ...(tls && { tls }) }),
    context,
    "write",
  );
}

export async function takeFromQdrant(node: QdrantStandin): Promise<TakenFromQdrant> {
  await using session = await openQdrant(node);
  const dump = session.dump({ proof: "as-read" });
  return { items: await readDump(dump), summary: await dump.summary() };
}

export async function restoreIntoQdrant(
  node: QdrantStandin,
  taken: TakenFromQdrant,
  guard: TargetGuard = "refuse-non-empty",
): Promise<void> {
  await using session = await openQdrant(node);
  const manifest = { ...manifestFor(taken.summary), source: "vectors", kind: "qdrant" };
  await session.restore({ items: itemsOf(taken), manifest, guard });
}

export function itemsOf({ items }: TakenFromQdrant): RestoreItem[] {
  return [...items].map(([name, bytes]) => toItem(name, bytes));
}

type Call = (method: string, path: string, body?: unknown) => Promise<unknown>;

/** Two collections and an alias, by the public interface. */
export async function fillProducts(call: Call): Promise<void> {
  await call("PUT", PRODUCTS, { vectors: { size: 2, distance: "Dot" } });
  await putPoints(call, [1, 2, 3]);
  await call("PUT", `/collections/${encodeURIComponent("كتالوج 1")}`, {
    vectors: { size: 2, distance: "Dot" },
  });
  const alias = { alias_name: "live", collection_name: "products" };
  await call("POST", "/collections/aliases", { actions: [{ create_alias: alias }] });
}

/** Points of these ids; `colour` is their payload. */
export async function putPoints(call: Call, ids: readonly number[], colour = "green"): Promise<void> {
  const points = ids.map((id) => ({ id, vector: [id, 0.5], payload: { colour } }));
  await call("PUT", `${PRODUCTS}/points?wait=true`, { points });
}
