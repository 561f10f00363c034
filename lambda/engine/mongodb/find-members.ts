import { setTimeout as sleep } from "node:timers/promises";
import type { MongoClient, MongoClientOptions, ServerDescription, TopologyDescription } from "mongodb";
import { type Address, formatAddress, parseAddress } from "../host/address.ts";
import type { SocksProxy } from "../host/host.ts";
import { SourceError, throwIfAborted } from "../model/errors.ts";
import type { MemberState } from "./choose-member.ts";
import type { RawDriver } from "./raw-driver.ts";
import { translateError } from "./translate-error.ts";

/** Members that have not answered by then count as unreachable. */
const ANSWER_TIMEOUT_MS = 10_000;
const POLL_MS = 50;
const NOBODY_ANSWERED =
  "No member of the replica set answered. Check that they run, reach.hosts and reach.replicaSet, and that their firewall allows the connection.";

export interface MembersQuery {
  /** Those that are asked first; the set names the others. */
  readonly seeds: readonly Address[];
  readonly replicaSet: string;
  /** How to get through; without a login, since `hello` needs none. */
  readonly options: MongoClientOptions;
  readonly proxy?: SocksProxy;
}

/** Asks every member of the set for its state, once. Throws `SourceError` UNREACHABLE when none answers. */
export async function findMembers(
  driver: RawDriver,
  { seeds, replicaSet, options, proxy }: MembersQuery,
  signal: AbortSignal,
): Promise<MemberState[]> {
  for (const seed of seeds) proxy?.allow(seed);
  const client = new driver.MongoClient(`mongodb://${seeds.map(formatAddress).join(",")}/`, {
    ...options,
    ...{ replicaSet, directConnection: false, readPreference: "nearest" },
  });
  // Members that the set announces are connected to right after this event.
  client.on("serverOpening", ({ address }) => allow(proxy, address));
  try {
    const description = await waitForAnswers(client, signal);
    return describeMembers([...description.servers.values()], proxy);
  } catch (error) {
    throwIfAborted(signal);
    throw explain(translateError(error, `Looking for the members of ${replicaSet}`), seeds, proxy);
  } finally {
    await client.close().catch(() => {});
  }
}

function allow(proxy: SocksProxy | undefined, text: string): void {
  const address = parseAddress(text);
  if (address !== undefined) proxy?.allow(address);
}

/** Until each member has said what it is or cannot be reached, and one of them is primary; not for ever. */
async function waitForAnswers(client: MongoClient, signal: AbortSignal): Promise<TopologyDescription> {
  let latest: TopologyDescription | undefined;
  client.on("topologyDescriptionChanged", ({ newDescription }) => {
    latest = newDescription;
  });
  // Only the looks of the driver are wanted; which server it then picks for itself, and whether it can, is not.
  let failure: unknown;
  client.connect().catch((error: unknown) => {
    failure = error;
  });
  const attempts = ANSWER_TIMEOUT_MS / POLL_MS;
  for (let attempt = 0; attempt < attempts && !isComplete(latest); attempt++)
    await sleep(POLL_MS, undefined, { signal });
  const answered = [...(latest?.servers.values() ?? [])].some(({ type }) => type !== "Unknown");
  if (latest !== undefined && answered) return latest;
  throw failure ?? new SourceError("UNREACHABLE", NOBODY_ANSWERED);
}

function isComplete(description: TopologyDescription | undefined): boolean {
  const servers = [...(description?.servers.values() ?? [])];
  const answered = servers.every(({ type, error }) => type !== "Unknown" || error !== null);
  return answered && servers.some(({ type }) => type === "RSPrimary");
}

/** Throws nothing: a member that says nothing is one that is not reachable. */
export function describeMembers(
  servers: readonly Pick<
    ServerDescription,
    "address" | "type" | "lastWriteDate" | "lastUpdateTime" | "roundTripTime" | "error"
  >[],
  proxy?: Pick<SocksProxy, "failureOf">,
): MemberState[] {
  // How long before the answer the member wrote last: the clocks of members and worker fall out of the comparison.
  const ageMs = (server: (typeof servers)[number]) => server.lastUpdateTime - server.lastWriteDate;
  const primary = servers.find(({ type }) => type === "RSPrimary");
  const secondaries = servers.filter(({ type }) => type === "RSSecondary");
  const freshest = primary === undefined ? Math.min(...secondaries.map(ageMs)) : ageMs(primary);
  return servers.flatMap((server): MemberState[] => {
    const address = parseAddress(server.address);
    if (address === undefined) return [];
    const { type, roundTripTime: roundTripMs } = server;
    if (type === "RSPrimary") return [{ address, role: "primary", roundTripMs }];
    if (type === "RSSecondary") {
      const behindMs = Math.max(0, ageMs(server) - freshest);
      return [{ address, role: "secondary", roundTripMs, behindMs }];
    }
    if (type !== "Unknown") return [{ address, role: "other", type }];
    const why = proxy?.failureOf(address)?.message ?? server.error?.message ?? "no answer";
    return [{ address, role: "unreachable", why }];
  });
}

/** What the host said of the seeds is nearer to the cause than that the driver found no server. */
function explain(error: Error, seeds: readonly Address[], proxy: SocksProxy | undefined): Error {
  if (!(error instanceof SourceError) || error.code !== "UNREACHABLE") return error;
  return seeds.map((seed) => proxy?.failureOf(seed)).find((failure) => failure !== undefined) ?? error;
}
