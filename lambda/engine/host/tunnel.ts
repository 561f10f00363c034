import type { Reached } from "./host.ts";
import { join, listenOnLoopback } from "./loopback.ts";
import type { SshConnection } from "./ssh-connection.ts";

/**
 * Listens on 127.0.0.1 and carries every connection to `host:port` as seen from the far side of the SSH
 * connection. A channel that cannot be opened, or is lost, resets its local connection: it never just ends.
 *
 * Tries the target once first. Throws `SourceError` UNREACHABLE, CONNECTION_LOST.
 */
export async function openTunnel(connection: SshConnection, host: string, port: number): Promise<Reached> {
  (await connection.forward(host, port)).close();
  return listenOnLoopback(connection.lost, async (socket) =>
    join(socket, await connection.forward(host, port)),
  );
}
