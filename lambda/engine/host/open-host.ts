import type { EstateHost } from "../model/estate.ts";
import type { Random } from "../model/ids.ts";
import type { Address } from "./address.ts";
import { connect, nameOfHost } from "./connect.ts";
import { addressOfContainer, inspectCommand } from "./container.ts";
import { reachDirectly } from "./direct-host.ts";
import type { FileSystem } from "./file-system.ts";
import type { CommandResult, Host, Reach, Reached, SocksProxy } from "./host.ts";
import { openProxy } from "./proxy.ts";
import { readCommand } from "./read-command.ts";
import { runCommand } from "./run-command.ts";
import { SftpChannel } from "./sftp-channel.ts";
import { SftpFileSystem } from "./sftp-file-system.ts";
import { SshConnection } from "./ssh-connection.ts";
import { openTunnel } from "./tunnel.ts";
import { openTunnelProcess, type TunnelProgram } from "./tunnel-process.ts";

/**
 * The host by SSH with a pinned key. Connects at the first need, so a host whose sources are all direct is
 * never called. Aborting `signal` ends the connection and everything that goes through it.
 *
 * With a `program`, tunnels are carried by processes of their own.
 *
 * What it returns throws `SourceError` HOST_KEY_CHANGED, AUTH_FAILED, UNREACHABLE, CONNECTION_LOST,
 * COMMAND_FAILED, TIMED_OUT, and `Cancelled`. A lost connection is not opened again: open a new host.
 */
export async function openHost(
  host: EstateHost,
  privateKey: string,
  signal: AbortSignal,
  program?: TunnelProgram,
): Promise<Host> {
  const login: Login = {
    connect: async (until) =>
      new SshConnection(await connect(host, privateKey, until), nameOfHost(host), until),
    ...(program && {
      tunnel: (target, until) => openTunnelProcess({ host, privateKey, target }, program, until),
    }),
  };
  return new SshHost(login, signal);
}

interface Login {
  connect(signal: AbortSignal): Promise<SshConnection>;
  /** Opens a tunnel that another process carries; missing where none does. */
  tunnel?(target: Address, signal: AbortSignal): Promise<Reached>;
}

class SshHost implements Host {
  readonly #login: Login;
  readonly #signal: AbortSignal;
  readonly #listeners: Reached[] = [];
  #connection: Promise<SshConnection> | undefined;

  constructor(login: Login, signal: AbortSignal) {
    this.#login = login;
    this.#signal = signal;
  }

  async reach(reach: Reach): Promise<Reached> {
    if (reach.via === "direct") return reachDirectly(reach.host, reach.port);
    const host = reach.via === "ssh" ? reach.host : await this.#findContainer(reach.container);
    const tunnel = await this.#openTunnel({ host, port: reach.port });
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

  async *read(command: string, signal: AbortSignal, input?: string): AsyncGenerator<Uint8Array> {
    yield* readCommand(await this.#connected(), command, signal, input);
  }

  anew(signal: AbortSignal): Host {
    return new SshHost(this.#login, signal);
  }

  async files(): Promise<FileSystem> {
    return new SftpFileSystem(await SftpChannel.open(await this.#connected(), this.#signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener[Symbol.asyncDispose]()));
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.[Symbol.asyncDispose]();
  }

  async #openTunnel(target: Address): Promise<Reached> {
    if (this.#login.tunnel !== undefined) return await this.#login.tunnel(target, this.#signal);
    return await openTunnel(await this.#connected(), target.host, target.port);
  }

  #connected(): Promise<SshConnection> {
    this.#connection ??= this.#login.connect(this.#signal);
    return this.#connection;
  }

  async #findContainer(container: string): Promise<string> {
    const command = inspectCommand(container);
    return addressOfContainer(container, await this.run(command, this.#signal));
  }
}
