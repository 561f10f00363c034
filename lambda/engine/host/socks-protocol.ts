import { timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { isIPv6, type Socket } from "node:net";
import { type Address, parseAddress } from "./address.ts";

const VERSION = 5;
/** RFC 1928 §3: username and password; no other method is taken, above all not "none". */
const METHOD_PASSWORD = 2;
const METHOD_REFUSED = 0xff;
const PASSWORD_VERSION = 1;
const COMMAND_CONNECT = 1;
const ADDRESS_IPV4 = 1;
const ADDRESS_NAME = 3;
const ADDRESS_IPV6 = 4;

/** RFC 1928 §6. */
export const REPLY = {
  succeeded: 0,
  notAllowed: 2,
  hostUnreachable: 4,
  commandNotSupported: 7,
  addressTypeNotSupported: 8,
} as const;

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/**
 * Greets a client by RFC 1928 and 1929 and answers with where it wants to go. Undefined for one that does not know
 * the password or speaks otherwise: it has been told so, and its connection is to be closed.
 */
export async function acceptRequest(socket: Socket, expected: Credentials): Promise<Address | undefined> {
  if (!(await offersPassword(socket))) {
    socket.end(Buffer.of(VERSION, METHOD_REFUSED));
    return undefined;
  }
  socket.write(Buffer.of(VERSION, METHOD_PASSWORD));
  if (!(await knowsPassword(socket, expected))) {
    socket.end(Buffer.of(PASSWORD_VERSION, 1));
    return undefined;
  }
  socket.write(Buffer.of(PASSWORD_VERSION, 0));
  return readRequest(socket);
}

/** Answers a request; the address that a proxy would bind is of no use to the client, and zero. */
export function sendReply(socket: Socket, reply: number): void {
  socket.write(Buffer.of(VERSION, reply, 0, ADDRESS_IPV4, 0, 0, 0, 0, 0, 0));
}

async function offersPassword(socket: Socket): Promise<boolean> {
  const [version = 0, count = 0] = await readExactly(socket, 2);
  if (version !== VERSION) return false;
  return (await readExactly(socket, count)).includes(METHOD_PASSWORD);
}

async function knowsPassword(socket: Socket, expected: Credentials): Promise<boolean> {
  const [version = 0, userLength = 0] = await readExactly(socket, 2);
  const user = await readExactly(socket, userLength);
  const [passwordLength = 0] = await readExactly(socket, 1);
  const password = await readExactly(socket, passwordLength);
  // Both are compared in any case, so that the time tells nothing.
  const same = [isSame(user, expected.user), isSame(password, expected.password)];
  return version === PASSWORD_VERSION && !same.includes(false);
}

function isSame(got: Buffer, expected: string): boolean {
  const bytes = Buffer.from(expected);
  return got.length === bytes.length && timingSafeEqual(got, bytes);
}

async function readRequest(socket: Socket): Promise<Address | undefined> {
  const [version = 0, command = 0, , type = 0] = await readExactly(socket, 4);
  if (version !== VERSION || command !== COMMAND_CONNECT) return refuse(socket, REPLY.commandNotSupported);
  const host = await readHost(socket, type);
  if (host === undefined) return refuse(socket, REPLY.addressTypeNotSupported);
  const port = (await readExactly(socket, 2)).readUInt16BE();
  return parseAddress(isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`);
}

function refuse(socket: Socket, reply: number): undefined {
  sendReply(socket, reply);
  socket.end();
}

async function readHost(socket: Socket, type: number): Promise<string | undefined> {
  if (type === ADDRESS_IPV4) return [...(await readExactly(socket, 4))].join(".");
  if (type === ADDRESS_NAME) {
    const [length = 0] = await readExactly(socket, 1);
    return (await readExactly(socket, length)).toString("latin1");
  }
  if (type !== ADDRESS_IPV6) return undefined;
  const bytes = await readExactly(socket, 16);
  return Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16)).join(":");
}

/** The next bytes of a paused socket. Throws when it ends before. */
async function readExactly(socket: Socket, length: number): Promise<Buffer> {
  if (length === 0) return Buffer.alloc(0);
  while (!socket.destroyed && !socket.readableEnded) {
    const bytes = socket.read(length) as Buffer | null;
    if (bytes !== null && bytes.length === length) return bytes;
    if (bytes !== null) break;
    const stop = new AbortController();
    await Promise.race(["readable", "end", "close"].map((event) => once(socket, event, stop)));
    stop.abort();
  }
  throw new Error("the client ended in the middle of its greeting");
}
