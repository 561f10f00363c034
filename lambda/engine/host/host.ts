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

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The machine that carries the sources. */
export interface Host extends AsyncDisposable {
  reach(reach: Reach): Promise<Reached>;
  /** Runs a command of the configuration, never one made from input. Output is cut at 64 KiB. */
  run(command: string, signal: AbortSignal): Promise<CommandResult>;
}
