import { type ChildProcess, fork } from "node:child_process";
import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { throwIfAborted } from "../model/errors.ts";
import { nameOfHost } from "./connect.ts";
import type { Reached } from "./host.ts";
import { listenOnLoopback } from "./loopback.ts";
import { connectionLost } from "./translate-ssh-error.ts";
import { fromFailure, type News, newsSchema, type TunnelOrder } from "./tunnel-messages.ts";

/** How long the process may take to close its connection; then it is killed. */
const END_MS = 4_000;

/** The program whose process carries a tunnel: it calls `serveTunnel`, and does so when it sees this environment. */
export interface TunnelProgram {
  readonly file: string;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * A tunnel as `openTunnel` opens one, carried by a process of its own: what it decrypts does not wait for what is made of
 * it. The process gets each connection by its descriptor, and this one keeps its own: so a connection whose carrier died
 * is reset here, and never just ends.
 *
 * Throws `SourceError` as the connection does, and `Cancelled`.
 */
export async function openTunnelProcess(
  order: TunnelOrder,
  program: TunnelProgram,
  signal: AbortSignal,
): Promise<Reached> {
  throwIfAborted(signal);
  const carrier = new Carrier(order, program, signal);
  try {
    await carrier.ready;
    const reached = await listenOnLoopback(carrier.lost, async (socket) => carrier.hand(socket));
    return {
      ...reached,
      [Symbol.asyncDispose]: async () => {
        await reached[Symbol.asyncDispose]();
        await carrier.end();
      },
    };
  } catch (error) {
    await carrier.end();
    throwIfAborted(signal);
    throw error;
  }
}

class Carrier {
  /** Settles once: when the tunnel stands, or cannot. */
  readonly ready: Promise<void>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #lost = new AbortController();
  readonly #sockets = new Map<number, Socket>();
  #next = 0;

  constructor(order: TunnelOrder, { file, environment }: TunnelProgram, signal: AbortSignal) {
    const where = nameOfHost(order.host);
    this.#child = fork(file, [], {
      env: { ...environment },
      execArgv: [],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#exited = new Promise((resolve) => {
      for (const event of ["exit", "error"]) this.#child.once(event, resolve);
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    const lose = (error: unknown) => {
      reject(error);
      this.#lost.abort(error);
    };
    this.#child.on("error", (error) => lose(connectionLost(where, error)));
    this.#child.once("exit", () => lose(connectionLost(where, new Error("the process of the tunnel ended"))));
    this.#child.on("message", (message) => {
      const news = newsSchema.safeParse(message);
      if (news.success) this.#hear(news.data, resolve, lose);
      else lose(connectionLost(where, strangeNews(news.error)));
    });
    const kill = () => void this.#child.kill("SIGKILL");
    signal.addEventListener("abort", kill, { once: true });
    this.#child.once("exit", () => signal.removeEventListener("abort", kill));
    this.#child.send({ kind: "open", ...order });
  }

  /** Aborted when nothing is carried any more, with the `SourceError` as its reason. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  hand(socket: Socket): void {
    const id = this.#next;
    this.#next += 1;
    this.#sockets.set(id, socket);
    socket.once("close", () => this.#sockets.delete(id));
    // Else the listener asks the process for its connections when it is closed, and waits for ever where that one died.
    Object.assign(socket, { server: null });
    this.#child.send({ kind: "carry", id }, socket, { keepOpen: true }, (error) => {
      if (error) socket.resetAndDestroy();
    });
  }

  /** Repeatable. */
  async end(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const late = pause(END_MS, "late" as const, { ref: false });
    if ((await Promise.race([this.#exited, late])) === "late") this.#child.kill("SIGKILL");
    await this.#exited;
  }

  #hear(news: News, ready: () => void, lose: (error: unknown) => void): void {
    if (news.kind === "ready") ready();
    else if (news.kind !== "closed") lose(fromFailure(news.failure));
    else if (news.reset) this.#sockets.get(news.id)?.resetAndDestroy();
    else this.#sockets.get(news.id)?.destroy();
  }
}

function strangeNews({ message }: Error): Error {
  return new Error(`the process of the tunnel said what nobody knows: ${message}`);
}
