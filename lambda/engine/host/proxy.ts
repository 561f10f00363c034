import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { SourceError } from "../model/errors.ts";
import type { Random } from "../model/ids.ts";
import { type Address, formatAddress } from "./address.ts";
import type { SocksProxy } from "./host.ts";
import { join, listenOnLoopback } from "./loopback.ts";
import { acceptRequest, REPLY, sendReply } from "./socks-protocol.ts";
import type { SshConnection } from "./ssh-connection.ts";

/** A client on the same machine that needs longer for its greeting is none of ours. */
const GREETING_TIMEOUT_MS = 10_000;
/** A replica set has at most 50 members. Source: MongoDB's manual, "Replica Set Members". */
const ADDRESSES_LIMIT = 100;
const PASSWORD_BYTES = 24;

/**
 * A SOCKS5 server on 127.0.0.1 that carries CONNECT requests through one SSH connection, and to allowed addresses
 * only. Its user and password are made here and live as long as it does: no other process of the machine gets
 * through. A channel that cannot be opened is refused, one that is lost resets its local connection.
 */
export async function openProxy(
  connection: Pick<SshConnection, "forward" | "lost" | "where">,
  random: Random,
): Promise<SocksProxy> {
  const secret = () => Buffer.from(random.bytes(PASSWORD_BYTES)).toString("base64url");
  const credentials = { user: secret(), password: secret() };
  const allowed = new Set<string>();
  const failures = new Map<string, SourceError>();
  const reached = await listenOnLoopback(connection.lost, (socket) => serve(socket));

  async function serve(socket: Socket): Promise<void> {
    const target = await inTime(socket, acceptRequest(socket, credentials));
    if (target === undefined) return;
    const name = formatAddress(target);
    if (!allowed.has(name)) return refuse(socket, REPLY.notAllowed);
    try {
      const channel = await connection.forward(target.host, target.port);
      failures.delete(name);
      sendReply(socket, REPLY.succeeded);
      join(socket, channel);
    } catch (error) {
      if (error instanceof SourceError) failures.set(name, error);
      refuse(socket, REPLY.hostUnreachable);
    }
  }

  return {
    ...reached,
    ...credentials,
    allow: (address: Address) => {
      if (allowed.size < ADDRESSES_LIMIT) allowed.add(formatAddress(address));
    },
    failureOf: (address) => failures.get(formatAddress(address)),
  };
}

function refuse(socket: Socket, reply: number): void {
  sendReply(socket, reply);
  socket.end();
}

async function inTime<Result>(socket: Socket, greeting: Promise<Result>): Promise<Result> {
  const stop = new AbortController();
  const late = sleep(GREETING_TIMEOUT_MS, undefined, { signal: stop.signal, ref: false }).then(
    () => socket.resetAndDestroy(),
    () => undefined,
  );
  try {
    return await greeting;
  } finally {
    stop.abort();
    await late;
  }
}
