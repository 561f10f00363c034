import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client, ClientChannel } from "ssh2";
import { type SourceError, throwIfAborted } from "../model/errors.ts";
import {
  connectionLost,
  translateExecError,
  translateForwardError,
  translateSubsystemError,
} from "./translate-ssh-error.ts";

/** How long the host may take to open one channel. */
const CHANNEL_TIMEOUT_MS = 30_000;
const CLOSE_TIMEOUT_MS = 2_000;

type OpenChannel = (callback: (error: Error | undefined, channel: ClientChannel) => void) => void;

/** A logged-in connection; knows whether it was lost, so that no stream ends silently because of it. */
export class SshConnection implements AsyncDisposable {
  readonly where: string;
  readonly #client: Client;
  readonly #lost = new AbortController();
  readonly #signal: AbortSignal;

  constructor(client: Client, where: string, signal: AbortSignal) {
    this.where = where;
    this.#client = client;
    this.#signal = signal;
    let cause: unknown;
    client.on("error", (error) => {
      cause = error;
    });
    // Emitted before the library ends its channels, which it does as if the far side had finished.
    client.once("close", () => this.#lost.abort(connectionLost(where, cause)));
    signal.addEventListener("abort", this.#destroy, { once: true });
  }

  /** Aborted, with the `SourceError` as its reason, when the connection ends for whatever cause. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Opens a channel to an address as seen from the host. Throws UNREACHABLE, CONNECTION_LOST. */
  forward(host: string, port: number): Promise<ClientChannel> {
    return this.#openChannel(
      (callback) => this.#client.forwardOut("127.0.0.1", 0, host, port, callback),
      (error) => translateForwardError(error, `${host}:${port}`, this.where),
    );
  }

  /** Starts a command on the host. Throws COMMAND_FAILED, CONNECTION_LOST. */
  start(command: string): Promise<ClientChannel> {
    return this.#openChannel(
      (callback) => this.#client.exec(command, callback),
      (error) => translateExecError(error, command, this.where),
    );
  }

  /** Starts a subsystem of sshd. Throws UNSUPPORTED, CONNECTION_LOST. */
  subsystem(name: string): Promise<ClientChannel> {
    return this.#openChannel(
      (callback) => this.#client.subsys(name, callback),
      (error) => translateSubsystemError(error, name, this.where),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener("abort", this.#destroy);
    if (this.lost.aborted) return;
    const closed = once(this.#client, "close");
    this.#client.end();
    await Promise.race([closed, sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
    this.#client.destroy();
  }

  readonly #destroy = () => {
    this.#client.destroy();
  };

  async #openChannel(open: OpenChannel, translate: (error: unknown) => SourceError): Promise<ClientChannel> {
    throwIfAborted(this.#signal);
    this.lost.throwIfAborted();
    try {
      return await settleChannel(open);
    } catch (error) {
      throwIfAborted(this.#signal);
      this.lost.throwIfAborted();
      throw translate(error);
    }
  }
}

function settleChannel(open: OpenChannel): Promise<ClientChannel> {
  const { promise, resolve, reject } = Promise.withResolvers<ClientChannel>();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    reject(new Error(`no answer in ${CHANNEL_TIMEOUT_MS / 1000} s`));
  }, CHANNEL_TIMEOUT_MS);
  open((error, channel) => {
    clearTimeout(timer);
    if (error) reject(error);
    else if (late) channel.close();
    else resolve(channel);
  });
  return promise.finally(() => clearTimeout(timer));
}
