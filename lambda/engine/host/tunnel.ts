import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { ClientChannel } from "ssh2";
import { invariant } from "../model/errors.ts";
import type { Reached } from "./host.ts";
import type { SshConnection } from "./ssh-connection.ts";

/** Connections through one tunnel at a time; further ones are dropped by the listener. */
const TUNNEL_CONNECTIONS_LIMIT = 128;

/**
 * Listens on 127.0.0.1 and carries every connection to `host:port` as seen from the far side of the SSH
 * connection. A channel that cannot be opened, or is lost, resets its local connection: it never just ends.
 *
 * Tries the target once first. Throws `SourceError` UNREACHABLE, CONNECTION_LOST.
 */
export async function openTunnel(connection: SshConnection, host: string, port: number): Promise<Reached> {
  (await connection.forward(host, port)).close();
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    void carry(connection, socket, host, port);
  });
  server.maxConnections = TUNNEL_CONNECTIONS_LIMIT;
  const resetAll = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  connection.lost.addEventListener("abort", resetAll, { once: true });
  return {
    ...(await listen(server)),
    [Symbol.asyncDispose]: async () => {
      connection.lost.removeEventListener("abort", resetAll);
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      resetAll();
      await closed;
    },
  };
}

async function listen(server: Server): Promise<{ host: string; port: number }> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  invariant(isAddressInfo(address), "a listening TCP server has an address");
  return { host: "127.0.0.1", port: address.port };
}

function isAddressInfo(address: string | AddressInfo | null): address is AddressInfo {
  return address !== null && typeof address === "object";
}

async function carry(connection: SshConnection, socket: Socket, host: string, port: number): Promise<void> {
  socket.on("error", () => socket.destroy());
  try {
    join(socket, await connection.forward(host, port));
  } catch {
    socket.resetAndDestroy();
  }
}

/**
 * Joins both directions with back-pressure and half-closes. By `pipe`, not `pipeline`: when the far side
 * closes both halves at once, `pipeline` would call it premature and throw away bytes that are not yet flushed.
 */
function join(socket: Socket, channel: ClientChannel): void {
  if (socket.destroyed) {
    channel.destroy();
    return;
  }
  socket.once("close", () => channel.destroy());
  channel.on("error", () => socket.resetAndDestroy());
  channel.once("close", () => socket.destroySoon());
  socket.pipe(channel);
  channel.pipe(socket);
}
