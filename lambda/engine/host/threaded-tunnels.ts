import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { throwIfAborted } from "../model/errors.ts";
import type { EstateHost } from "../model/estate.ts";
import type { Address } from "./address.ts";
import type { Reached } from "./host.ts";
import { type Answer, type Ask, fromPlainError, type ThreadData, toPlainError } from "./thread-protocol.ts";

/** The thread holds ciphers and sockets only; without limits it would take as much as a worker. */
const LIMITS = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 96 };
const END_TIMEOUT_MS = 3_000;

type Settle = PromiseWithResolvers<Address | undefined>;

/**
 * Tunnels whose SSH connection lives in a thread of its own. What goes through them is reset when that connection is
 * lost, when `signal` aborts, or when this is disposed. Throws what `connect` and `openTunnel` throw.
 */
export class ThreadedTunnels implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #signal: AbortSignal;
  readonly #asked = new Map<number, Settle>();
  readonly #lost = new AbortController();
  readonly #ended: Promise<void>;
  #count = 0;

  constructor(host: EstateHost, privateKey: string, signal: AbortSignal) {
    this.#signal = signal;
    this.#worker = startThread({ host, privateKey });
    this.#worker.on("message", (answer: Answer) => this.#hear(answer));
    this.#worker.on("error", (error) => this.#lose(fromPlainError(toPlainError(error))));
    this.#ended = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        this.#lose(fromPlainError(toPlainError("its thread has ended")));
        resolve();
      });
    });
    signal.addEventListener("abort", this.#abort, { once: true });
  }

  /** Aborted, with the error as its reason, when the connection ends for whatever cause. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async open(host: string, port: number): Promise<Reached> {
    const id = ++this.#count;
    const reached = await this.#ask({ ask: "open", id, target: { host, port } });
    return {
      ...(reached as Address),
      [Symbol.asyncDispose]: async () => {
        await this.#ask({ ask: "close", id }).catch(() => undefined);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener("abort", this.#abort);
    this.#say({ ask: "end" });
    await Promise.race([this.#ended, sleep(END_TIMEOUT_MS, undefined, { ref: false })]);
    await this.#worker.terminate();
  }

  readonly #abort = () => this.#say({ ask: "abort" });

  async #ask(ask: Extract<Ask, { id: number }>): Promise<Address | undefined> {
    throwIfAborted(this.#signal);
    this.lost.throwIfAborted();
    const settle: Settle = Promise.withResolvers();
    this.#asked.set(ask.id, settle);
    this.#say(ask);
    try {
      return await settle.promise;
    } catch (error) {
      throwIfAborted(this.#signal);
      throw error;
    } finally {
      this.#asked.delete(ask.id);
    }
  }

  #say(ask: Ask): void {
    this.#worker.postMessage(ask);
  }

  #hear(answer: Answer): void {
    if (answer.answer === "lost") {
      this.#lose(fromPlainError(answer.error));
      return;
    }
    const settle = this.#asked.get(answer.id);
    if (answer.answer === "failed") settle?.reject(fromPlainError(answer.error));
    else settle?.resolve(answer.answer === "opened" ? answer.reached : undefined);
  }

  #lose(error: Error): void {
    this.#lost.abort(error);
    for (const { reject } of this.#asked.values()) reject(error);
  }
}

/** Deployed, the thread's own bundle lies inside the worker's as a text, which the bundler puts in this expression's place. */
function startThread(workerData: ThreadData): Worker {
  const bundled = process.env.TUNNEL_THREAD;
  const options = { workerData, resourceLimits: LIMITS, env: {} };
  return bundled === undefined
    ? new Worker(new URL("./tunnel-thread.ts", import.meta.url), options)
    : new Worker(bundled, { ...options, eval: true });
}
