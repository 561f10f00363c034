import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { SourceError, throwIfAborted } from "../model/errors.ts";
import { encodeCommand, type Reply, ReplyBuffer, ReplyError } from "./resp.ts";
import { translateReply, translateSocketError } from "./translate-error.ts";

const CONNECT_TIMEOUT_MS = 10_000;
/** A server that neither takes nor says anything for so long is gone. */
const SILENCE_TIMEOUT_MS = 300_000;

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly user?: string;
  readonly password?: string;
  readonly tls?: {
    /** PEM of the authorities that are trusted; the system's without it. */
    readonly ca?: string;
    readonly serverName?: string;
    /** PEM of the certificate that this side shows, and of its key. */
    readonly certificate?: string;
    readonly key?: string;
  };
}

/** A connection to one Redis. Commands are answered in their order; at one time one caller reads. */
export class RedisConnection implements AsyncDisposable {
  readonly where: string;
  readonly #socket: Socket;
  readonly #signal: AbortSignal;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #replies = new ReplyBuffer();

  private constructor(socket: Socket, where: string, signal: AbortSignal) {
    this.where = where;
    this.#socket = socket;
    this.#signal = signal;
    this.#chunks = socket.iterator({ destroyOnReturn: false });
    signal.addEventListener("abort", this.#destroy, { once: true });
  }

  /** Connects and logs in. Throws `SourceError` UNREACHABLE, AUTH_FAILED, TIMED_OUT, UNHEALTHY; `Cancelled`. */
  static async open(options: ConnectOptions, signal: AbortSignal): Promise<RedisConnection> {
    throwIfAborted(signal);
    const where = `${options.host}:${options.port}`;
    const socket = await openSocket(options, where, signal);
    const connection = new RedisConnection(socket, where, signal);
    try {
      if (options.password !== undefined) await connection.call(...loginOf(options));
      await connection.call("PING");
      return connection;
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Sends a command and waits for its answer. Throws `SourceError` for an error that the server answers. */
  async call(...parts: readonly (string | Uint8Array)[]): Promise<Exclude<Reply, ReplyError>> {
    const reply = await this.ask(...parts);
    if (reply instanceof ReplyError) throw translateReply(reply.message, this.nameOf(parts[0]));
    return reply;
  }

  /** As `call`, but an error that the server answers is a value. */
  async ask(...parts: readonly (string | Uint8Array)[]): Promise<Reply> {
    await this.start(...parts);
    return await this.readReply();
  }

  /** Sends a command of which the answer is read otherwise. */
  async start(...parts: readonly (string | Uint8Array)[]): Promise<void> {
    await this.write(encodeCommand(parts));
  }

  /** Sends bytes; waits while the server takes no more. */
  async write(bytes: Uint8Array): Promise<void> {
    throwIfAborted(this.#signal);
    if (this.#socket.destroyed) throw await this.#lost(undefined);
    if (this.#socket.write(bytes)) return;
    try {
      await once(this.#socket, "drain", { signal: this.#signal });
    } catch (error) {
      throw await this.#lost(error);
    }
  }

  async readReply(): Promise<Reply> {
    for (;;) {
      const reply = this.#replies.takeReply();
      if (reply !== undefined) return reply;
      await this.#readMore();
    }
  }

  /** A line, before which a server may send line feeds for as long as it likes. */
  async readLine(): Promise<string> {
    for (;;) {
      this.#replies.skipKeepAlives();
      const line = this.#replies.takeLine();
      if (line !== undefined) return line;
      await this.#readMore();
    }
  }

  /** The bytes that follow, as they come; ends by an error when the server closes the connection. */
  async *readBytes(): AsyncGenerator<Buffer> {
    const rest = this.#replies.takeRest();
    if (rest.length > 0) yield rest;
    for (;;) yield await this.#nextChunk();
  }

  nameOf(command: unknown): string {
    return `${String(command)} at ${this.where}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener("abort", this.#destroy);
    this.#socket.destroy();
  }

  async #readMore(): Promise<void> {
    this.#replies.append(await this.#nextChunk());
  }

  async #nextChunk(): Promise<Buffer> {
    throwIfAborted(this.#signal);
    let next: IteratorResult<Buffer>;
    try {
      next = await this.#chunks.next();
    } catch (error) {
      throw await this.#lost(error);
    }
    throwIfAborted(this.#signal);
    if (next.done === true) throw await this.#lost(undefined);
    return next.value;
  }

  async #lost(error: unknown): Promise<unknown> {
    throwIfAborted(this.#signal);
    const what = `The connection to Redis at ${this.where}`;
    return translateSocketError(error ?? this.#socket.errored ?? new Error("the server closed it"), what);
  }

  readonly #destroy = () => {
    this.#socket.destroy();
  };
}

function loginOf({ user, password = "" }: ConnectOptions): string[] {
  return user === undefined ? ["AUTH", password] : ["AUTH", user, password];
}

async function openSocket(options: ConnectOptions, where: string, signal: AbortSignal): Promise<Socket> {
  const { host, port, tls } = options;
  const socket =
    tls === undefined ? connectTcp({ host, port }) : connectTls({ host, port, ...tlsOptions(tls) });
  socket.setNoDelay(true);
  const late = () => socket.destroy(new Error("the time-out passed"));
  socket.setTimeout(CONNECT_TIMEOUT_MS, late);
  try {
    await once(socket, tls === undefined ? "connect" : "secureConnect", { signal });
    socket.setTimeout(SILENCE_TIMEOUT_MS);
    // Without a listener a lost connection would end the process; whoever reads next is told.
    socket.on("error", () => {});
    return socket;
  } catch (error) {
    socket.on("error", () => {});
    socket.destroy();
    throwIfAborted(signal);
    throw translateSocketError(error, `The connection to Redis at ${where}`);
  }
}

function tlsOptions({ ca, serverName, certificate, key }: NonNullable<ConnectOptions["tls"]>) {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
  };
}

/** What `INFO` says, field by field. Throws as `call` does. */
export async function readInfo(connection: RedisConnection): Promise<Readonly<Record<string, string>>> {
  const text = String(await connection.call("INFO"));
  const fields = [...text.matchAll(/^([a-z0-9_]+):([^\r\n]*)/gm)];
  const info = Object.fromEntries(fields.map(([, name = "", value = ""]) => [name, value]));
  if (info.redis_version !== undefined) return info;
  throw new SourceError(
    "UNSUPPORTED",
    `The server at ${connection.where} does not say that it is a Redis. Check the source's host and port.`,
  );
}
