import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { ClientChannel } from "ssh2";
import { invariant } from "../model/errors.ts";
import type { Reached } from "./host.ts";

/** Connections to one listener at a time; further ones are dropped by it. */
const CONNECTIONS_LIMIT = 128;

/**
 * Listens on 127.0.0.1 and hands every connection, paused, to `serve`. All of them are reset, never just ended, when
 * `lost` aborts or the listener is disposed.
 */
export async function listenOnLoopback(
  lost: AbortSignal,
  serve: (socket: Socket) => Promise<void>,
): Promise<Reached> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    serve(socket).catch(() => socket.resetAndDestroy());
  });
  server.maxConnections = CONNECTIONS_LIMIT;
  const resetAll = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  lost.addEventListener("abort", resetAll, { once: true });
  return {
    ...(await listen(server)),
    [Symbol.asyncDispose]: async () => {
      lost.removeEventListener("abort", resetAll);
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      resetAll();
      await closed;
    },
  };
}

/**
 * Joins both directions with back-pressure and half-closes. By `pipe`, not `pipeline`: when the far side
 * closes both halves at once, `pipeline` would call it premature and throw away bytes that are not yet flushed.
 */
export function join(socket: Socket, channel: ClientChannel): void {
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
