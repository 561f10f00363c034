import { setTimeout as pause } from "node:timers/promises";
import { createSecureContext } from "node:tls";
import type { MongoClient, MongoClientOptions } from "mongodb";
import { type Address, formatAddress } from "../host/address.ts";
import type { SocksProxy } from "../host/host.ts";
import { SourceError, throwIfAborted } from "../model/errors.ts";
import { loadRawDriver, type RawDriver } from "./raw-driver.ts";
import { translateError } from "./translate-error.ts";
import { watchMember } from "./watch-member.ts";

const SERVER_SELECTION_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** A server that says nothing for so long is gone. */
const SOCKET_TIMEOUT_MS = 300_000;
const POOL_SIZE = 12;
const PING_INTERVAL_MS = 20_000;

/** As whom to log in: by a password, by the certificate that is shown, or not at all. */
export type Login =
  | { readonly by: "password"; readonly user: string; readonly password: string; readonly authSource: string }
  | { readonly by: "certificate" }
  | { readonly by: "nothing" };

/** What a TLS connection trusts and shows, as PEM text: nothing of it is ever a file. */
export interface TlsMaterial {
  readonly ca?: string;
  /** Certificate and key of the client. */
  readonly certificate?: string;
  readonly serverName?: string;
}

/** How a server is got at, whoever then logs in. */
export interface Way {
  readonly tls?: TlsMaterial;
  readonly proxy?: Pick<SocksProxy, "host" | "port" | "user" | "password">;
}

export interface ConnectOptions extends Way {
  readonly address: Address;
  readonly login: Login;
  /** How long a server may say nothing, but while it builds; five minutes by default. */
  readonly silenceMs?: number;
}

/** An open connection with what the engine needs of the driver. */
export interface Connection extends AsyncDisposable {
  readonly client: MongoClient;
  readonly driver: RawDriver;
  readonly signal: AbortSignal;
  /** Runs driver calls; their errors leave as `SourceError`, `IntegrityError` or `Cancelled`. */
  run<Result>(what: string, work: () => Promise<Result>): Promise<Result>;
  /**
   * The same for one command that is silent until it is done, for hours maybe, as a build of indexes: by a client that
   * waits as long as the server answers others.
   */
  runLong<Result>(what: string, work: (client: MongoClient) => Promise<Result>): Promise<Result>;
}

/** Connects to one server and no other member of its set; throws `SourceError`. The driver is loaded here. */
export async function connect(options: ConnectOptions, signal: AbortSignal): Promise<Connection> {
  throwIfAborted(signal);
  const driver = await loadRawDriver();
  const place = formatAddress(options.address);
  const clientOptions = { ...wayOptions(options), ...loginOptions(options.login) };
  const client = new driver.MongoClient(`mongodb://${place}/`, {
    ...clientOptions,
    ...(options.silenceMs !== undefined && { socketTimeoutMS: options.silenceMs }),
  });
  const patient = new driver.MongoClient(`mongodb://${place}/`, { ...clientOptions, socketTimeoutMS: 0 });
  const check = watchMember(client, place);
  const run = async <Result>(what: string, work: () => Promise<Result>): Promise<Result> => {
    throwIfAborted(signal);
    try {
      const result = await untilAborted(work(), signal);
      check();
      return result;
    } catch (error) {
      throwIfAborted(signal);
      throw translateError(error, `${what} at ${place}`);
    }
  };
  const runLong = <Result>(what: string, work: (client: MongoClient) => Promise<Result>): Promise<Result> =>
    run(what, () => whileAnswering(client, work(patient), signal));
  const dispose = async () => {
    await Promise.all([client, patient].map((one) => one.close().catch(() => {})));
  };
  try {
    await run("The connection to MongoDB", () => client.db("admin").command({ ping: 1 }));
  } catch (error) {
    await dispose();
    throw error;
  }
  return { client, driver, signal, run, runLong, [Symbol.asyncDispose]: dispose };
}

/** Waits for `work` as long as the server answers a ping now and then; a server that does not is gone. */
async function whileAnswering<Result>(
  client: MongoClient,
  work: Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  const done = new AbortController();
  const watching = async (): Promise<never> => {
    for (;;) {
      await pause(PING_INTERVAL_MS, undefined, { signal: AbortSignal.any([done.signal, signal]) });
      await client.db("admin").command({ ping: 1 });
    }
  };
  const watch = watching();
  watch.catch(() => {});
  try {
    return await Promise.race([work, watch]);
  } finally {
    done.abort();
  }
}

/**
 * Waits for `work`, or rejects as soon as the signal aborts. The connection stays open, so that cursors can still be
 * killed; what the server goes on working at ends when the session is disposed.
 */
async function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** The driver's options for getting through, without those of a login. Throws `SourceError` AUTH_FAILED for bad PEM. */
export function wayOptions({ tls, proxy }: Way): MongoClientOptions {
  return {
    ...(tls === undefined ? {} : { tls: true, secureContext: secureContextOf(tls) }),
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
    ...(proxy === undefined ? {} : proxyOptions(proxy)),
    appName: "backup-estate",
    directConnection: true,
    retryReads: false,
    retryWrites: false,
    maxPoolSize: POOL_SIZE,
    serverSelectionTimeoutMS: SERVER_SELECTION_TIMEOUT_MS,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    socketTimeoutMS: SOCKET_TIMEOUT_MS,
  };
}

function proxyOptions({ host, port, user, password }: NonNullable<Way["proxy"]>): MongoClientOptions {
  return { proxyHost: host, proxyPort: port, proxyUsername: user, proxyPassword: password };
}

/** The library's own message is left out: it may quote what it could not read. */
function secureContextOf({ ca, certificate }: TlsMaterial) {
  try {
    return createSecureContext({
      ...(ca === undefined ? {} : { ca }),
      ...(certificate === undefined ? {} : { cert: certificate, key: certificate }),
    });
  } catch {
    throw new SourceError(
      "AUTH_FAILED",
      "The TLS material of MongoDB cannot be read: expected PEM, in tls.ca certificates, in the secret that certificateSecret names a certificate and its key without a passphrase. Correct them.",
    );
  }
}

function loginOptions(login: Login): MongoClientOptions {
  if (login.by === "nothing") return {};
  if (login.by === "certificate") return { authMechanism: "MONGODB-X509", authSource: "$external" };
  const { user: username, password, authSource } = login;
  return { auth: { username, password }, authSource };
}
