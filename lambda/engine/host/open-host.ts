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
import { openTunnel } from "./tunnel.ts";

/**
 * The host by SSH with a pinned key. Connects at the first need, so a host whose sources are all direct is
 * never called. Aborting `signal` ends the connection and everything that goes through it.
 *
 * What it returns throws `SourceError` HOST_KEY_CHANGED, AUTH_FAILED, UNREACHABLE, CONNECTION_LOST,
 * COMMAND_FAILED, TIMED_OUT, and `Cancelled`. A lost connection is not opened again: open a new host.
 */
export async function openHost(host: EstateHost, privateKey: string, signal: AbortSignal): Promise<Host> {
  return new SshHost(async (until) => {
    const client = await connect(host, privateKey, until);
    return new SshConnection(client, nameOfHost(host), until);
  }, signal);
}

type Connect = (signal: AbortSignal) => Promise<SshConnection>;

class SshHost implements Host {
  readonly #connect: Connect;
  readonly #signal: AbortSignal;
  readonly #listeners: Reached[] = [];
  #connection: Promise<SshConnection> | undefined;

  constructor(connectOnce: Connect, signal: AbortSignal) {
    this.#connect = connectOnce;
    this.#signal = signal;
  }

  async reach(reach: Reach): Promise<Reached> {
    if (reach.via === "direct") return reachDirectly(reach.host, reach.port);
    const host = reach.via === "ssh" ? reach.host : await this.#findContainer(reach.container);
    const tunnel = await openTunnel(await this.#connected(), host, reach.port);
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

  anew(signal: AbortSignal): Host {
    return new SshHost(this.#connect, signal);
  }

  async files(): Promise<FileSystem> {
    return new SftpFileSystem(await SftpChannel.open(await this.#connected(), this.#signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener[Symbol.asyncDispose]()));
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.[Symbol.asyncDispose]();
  }

  #connected(): Promise<SshConnection> {
    this.#connection ??= this.#connect(this.#signal);
    return this.#connection;
  }

  async #findContainer(container: string): Promise<string> {
    const command = inspectCommand(container);
    return addressOfContainer(container, await this.run(command, this.#signal));
  }
}
