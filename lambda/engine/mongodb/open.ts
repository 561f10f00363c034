import { type Address, formatAddress, parseAddress } from "../host/address.ts";
import { invariant } from "../model/errors.ts";
import type { Context, Purpose, Session } from "../sources/source.ts";
import { type Choice, chooseMember } from "./choose-member.ts";
import { loginsFor, type MongodbConfig, type MongodbReach, type NamedLogin } from "./config.ts";
import { connect, type Login, type TlsMaterial, type Way, wayOptions } from "./connect.ts";
import { findMembers } from "./find-members.ts";
import { loadRawDriver } from "./raw-driver.ts";
import { MongodbSession } from "./session.ts";

/** How one server is got at. */
interface Place extends Pick<Way, "proxy"> {
  readonly address: Address;
  /** What the operator ought to know of the choice. */
  readonly notes: readonly string[];
}

interface Credentials {
  readonly login: Login;
  readonly tls: { readonly tls?: TlsMaterial };
}

/**
 * Opens MongoDB: one server, or one member of a set that is chosen now and kept to the end, so that data and oplog are
 * of one member. Secrets are read before anything is reached. Throws `SourceError`.
 */
export async function openMongodb(
  config: MongodbConfig,
  context: Context,
  purpose: Purpose,
): Promise<Session> {
  const { main, replay } = loginsFor(config, purpose);
  const credentials = await readCredentials(main, config, context);
  const replaying = replay && (await readCredentials(replay, config, context));
  await using opened = new AsyncDisposableStack();
  const place = await reach(config.reach, credentials, context, purpose, opened);
  const connectAs = async ({ login, tls }: Credentials) =>
    opened.use(await connect({ ...place, ...tls, login }, context.signal));
  const connection = await connectAs(credentials);
  const replayConnection = replaying && (await connectAs(replaying));
  for (const note of place.notes) context.progress({ phase: "connect", name: note, bytes: 0 });
  const beside = { notes: place.notes, ...(replayConnection ? { replayConnection } : {}) };
  const session = await MongodbSession.open(connection, context, beside, () => kept.disposeAsync());
  const kept = opened.move();
  return session;
}

async function readCredentials(
  named: NamedLogin,
  config: MongodbConfig,
  { secret }: Context,
): Promise<Credentials> {
  const read = (name: string | undefined) => (name === undefined ? undefined : secret(name));
  const password = await read(named.passwordSecret);
  const certificate = await read(named.certificateSecret);
  const tls =
    config.tls === undefined
      ? {}
      : { tls: { ...config.tls, ...(certificate === undefined ? {} : { certificate }) } };
  if (named.user !== undefined) {
    const { user } = named;
    const authSource = config.authSource ?? "admin";
    return { login: { by: "password", user, password: password ?? "", authSource }, tls };
  }
  return { login: { by: certificate === undefined ? "nothing" : "certificate" }, tls };
}

async function reach(
  wanted: MongodbReach,
  { tls }: Credentials,
  context: Context,
  purpose: Purpose,
  opened: AsyncDisposableStack,
): Promise<Place> {
  if (wanted.via !== "members") {
    const { host, port } = opened.use(await context.host.reach(wanted));
    return { address: { host, port }, notes: [] };
  }
  const proxy =
    wanted.through === "ssh" ? opened.use(await context.host.openProxy(context.random)) : undefined;
  const through = proxy === undefined ? {} : { proxy };
  const query = {
    seeds: wanted.hosts.map(addressOf),
    replicaSet: wanted.replicaSet,
    options: wayOptions({ ...tls, ...through }),
    ...through,
  };
  const members = await findMembers(await loadRawDriver(), query, context.signal);
  const choice = chooseMember(members, purpose, wanted.maxStalenessSeconds);
  return { address: choice.address, ...through, notes: noteOf(choice, wanted.replicaSet) };
}

function addressOf(host: string): Address {
  const address = parseAddress(host);
  invariant(address !== undefined, "a host of the configuration was parsed at the door");
  return address;
}

function noteOf({ address, role, notes }: Choice, replicaSet: string): string[] {
  return [`${replicaSet}: the ${role} ${formatAddress(address)} was chosen`, ...notes];
}
