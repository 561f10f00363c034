import type { SourceError } from "../model/errors.ts";
import type { Random } from "../model/ids.ts";
import type { Address } from "./address.ts";
import type { FileSystem } from "./file-system.ts";

/** Where a server answers, as seen from the worker. Disposing closes the tunnel, if there is one. */
export interface Reached extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
}

/** How a server on the host is found. */
export type Reach =
  /** An address as seen from the host, reached through the SSH tunnel. */
  | { readonly via: "ssh"; readonly host: string; readonly port: number }
  /** A container without published ports: its address by `docker inspect`, then the SSH tunnel. */
  | { readonly via: "container"; readonly container: string; readonly port: number }
  /** Straight from the worker; TLS is the server's business. */
  | { readonly via: "direct"; readonly host: string; readonly port: number };

/** A SOCKS5 server of the worker that carries through the host to several servers, as a tunnel does to one. */
export interface SocksProxy extends Reached {
  readonly user: string;
  readonly password: string;
  /** From now on connections to this address are carried; all others are refused. Repeatable. */
  allow(address: Address): void;
  /** Why the host last would not connect to that address; undefined after it did. */
  failureOf(address: Address): SourceError | undefined;
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The machine that carries the sources. */
export interface Host extends AsyncDisposable {
  reach(reach: Reach): Promise<Reached>;
  /** Opens a proxy that at first carries to nowhere; `random` makes its password. */
  openProxy(random: Random): Promise<SocksProxy>;
  /** Runs a command of the configuration, never one made from input. Output is cut at 64 KiB. */
  run(command: string, signal: AbortSignal): Promise<CommandResult>;
  /**
   * Hands on what a command of the configuration writes, as it comes; over only when it ended with 0. `input` is what it
   * reads. Missing where nothing is reached by SSH. Throws `SourceError` COMMAND_FAILED with its last words, TIMED_OUT,
   * CONNECTION_LOST, and `Cancelled`.
   */
  read?(command: string, signal: AbortSignal, input?: string): AsyncIterable<Uint8Array>;
  /**
   * The same host by a connection of its own that ends with `signal`: for what has to be put right after the work was
   * stopped, or after its connection was lost. Dispose it.
   */
  anew(signal: AbortSignal): Host;
  /** Its files, by SFTP; missing where nothing is reached by SSH. Throws as `reach` does, and UNSUPPORTED. */
  files?(): Promise<FileSystem>;
}
