import { throwIfAborted } from "../model/errors.ts";
import type { EstateHost } from "../model/estate.ts";
import type { Random } from "../model/ids.ts";
import { connect, nameOfHost } from "./connect.ts";
import { addressOfContainer, inspectCommand } from "./container.ts";
import { reachDirectly } from "./direct-host.ts";
import type { FileSystem } from "./file-system.ts";
import type { CommandResult, Host, Reach, Reached, SocksProxy } from "./host.ts";
import { openProxy } from "./proxy.ts";
import { runCommand } from "./run-command.ts";
import { SftpChannel } from "./sftp-channel.ts";
import { SftpFileSystem } from "./sftp-file-system.ts";
import { SshConnection } from "./ssh-connection.ts";
import { ThreadedTunnels } from "./threaded-tunnels.ts";

/**
 * The host by SSH with a pinned key. Connects at the first need, so a host whose sources are all direct is
 * never called. Tunnels have a connection of their own, in a thread of its own; the loss of one is the loss of both. Aborting `signal` ends the connection and everything that goes through it.
 *
 * What it returns throws `SourceError` HOST_KEY_CHANGED, AUTH_FAILED, UNREACHABLE, CONNECTION_LOST,
 * COMMAND_FAILED, TIMED_OUT, and `Cancelled`. A lost connection is not opened again: open a new host.
 */
export async function openHost(host: EstateHost, privateKey: string, signal: AbortSignal): Promise<Host> {
  const connectOnce = async () => {
    const client = await connect(host, privateKey, signal);
    return new SshConnection(client, nameOfHost(host), signal);
  };
  const startThread = () => new ThreadedTunnels(host, privateKey, signal);
  return new SshHost(connectOnce, startThread, signal);
}

class SshHost implements Host {
  readonly #connect: () => Promise<SshConnection>;
  readonly #startThread: () => ThreadedTunnels;
  readonly #signal: AbortSignal;
  readonly #listeners: AsyncDisposable[] = [];
  #connection: Promise<SshConnection> | undefined;
  #tunnels: ThreadedTunnels | undefined;

  constructor(
    connectOnce: () => Promise<SshConnection>,
    startThread: () => ThreadedTunnels,
    signal: AbortSignal,
  ) {
    this.#connect = connectOnce;
    this.#startThread = startThread;
    this.#signal = signal;
  }

  async reach(reach: Reach): Promise<Reached> {
    if (reach.via === "direct") return reachDirectly(reach.host, reach.port);
    const host = reach.via === "ssh" ? reach.host : await this.#findContainer(reach.container);
    const tunnel = await this.#openTunnel(host, reach.port);
    this.#listeners.push(tunnel);
    return tunnel;
  }

  async openProxy(random: Random): Promise<SocksProxy> {
    const proxy = await openProxy(await this.#connected(), random);
    this.#listeners.push(proxy);
    return proxy;
  }

  async run(command: string, signal: AbortSignal): Promise<CommandResult> {
    return runCommand(await this.#connected(), command, signal);
  }

  async files(): Promise<FileSystem> {
    return new SftpFileSystem(await SftpChannel.open(await this.#connected(), this.#signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener[Symbol.asyncDispose]()));
    await this.#tunnels?.[Symbol.asyncDispose]();
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.[Symbol.asyncDispose]();
  }

  async #openTunnel(host: string, port: number): Promise<Reached> {
    (await this.#connection)?.lost.throwIfAborted();
    throwIfAborted(this.#signal);
    this.#tunnels ??= this.#startThread();
    return this.#tunnels.open(host, port);
  }

  async #connected(): Promise<SshConnection> {
    this.#tunnels?.lost.throwIfAborted();
    this.#connection ??= this.#connect();
    return this.#connection;
  }

  async #findContainer(container: string): Promise<string> {
    const command = inspectCommand(container);
    return addressOfContainer(container, await this.run(command, this.#signal));
  }
}
