import type { MongoClient, MongoClientOptions } from "mongodb";
import { throwIfAborted } from "../model/errors.ts";
import { loadRawDriver, type RawDriver } from "./raw-driver.ts";
import { translateError } from "./translate-error.ts";

const SERVER_SELECTION_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** A server that says nothing for so long is gone. */
const SOCKET_TIMEOUT_MS = 300_000;
const POOL_SIZE = 12;

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly user?: string;
  readonly password?: string;
  readonly authSource?: string;
  readonly tls?: { readonly caFile?: string; readonly serverName?: string };
}

/** An open connection with what the engine needs of the driver. */
export interface Connection extends AsyncDisposable {
  readonly client: MongoClient;
  readonly driver: RawDriver;
  readonly signal: AbortSignal;
  /** Runs driver calls; their errors leave as `SourceError`, `IntegrityError` or `Cancelled`. */
  run<Result>(what: string, work: () => Promise<Result>): Promise<Result>;
}

/** Connects to one server and no other member of its set; throws `SourceError`. The driver is loaded here. */
export async function connect(options: ConnectOptions, signal: AbortSignal): Promise<Connection> {
  throwIfAborted(signal);
  const driver = await loadRawDriver();
  const client = new driver.MongoClient(`mongodb://${options.host}:${options.port}/`, clientOptions(options));
  const place = `${options.host}:${options.port}`;
  const run = async <Result>(what: string, work: () => Promise<Result>): Promise<Result> => {
    throwIfAborted(signal);
    try {
      return await untilAborted(work(), signal);
    } catch (error) {
      throwIfAborted(signal);
      throw translateError(error, `${what} at ${place}`);
    }
  };
  const dispose = async () => client.close().catch(() => {});
  try {
    await run("The connection to MongoDB", () => client.db("admin").command({ ping: 1 }));
  } catch (error) {
    await dispose();
    throw error;
  }
  return { client, driver, signal, run, [Symbol.asyncDispose]: dispose };
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

function clientOptions(options: ConnectOptions): MongoClientOptions {
  const { user, password, tls } = options;
  return {
    ...(user === undefined ? {} : { auth: { username: user, password: password ?? "" } }),
    ...(user === undefined ? {} : { authSource: options.authSource ?? "admin" }),
    ...(tls === undefined ? {} : { tls: true }),
    ...(tls?.caFile === undefined ? {} : { tlsCAFile: tls.caFile }),
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
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
