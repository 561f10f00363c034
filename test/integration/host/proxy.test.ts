import { type Socket, connect as tcpConnect } from "node:net";
import { SocksClient } from "socks";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SocksProxy } from "../../../lambda/engine/host/host.ts";
import { openHost } from "../../../lambda/engine/host/open-host.ts";
import { type Sshd, startSshd } from "../../support/sshd.ts";
import { readAll, serve, until } from "./tcp.ts";

const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
const never = new AbortController().signal;
let sshd: Sshd;

beforeAll(async () => {
  sshd = await startSshd();
});
afterAll(() => sshd[Symbol.asyncDispose]());

const open = () => openHost(sshd.host, sshd.privateKey, never);

async function goThrough(
  proxy: SocksProxy,
  host: string,
  port: number,
  password = proxy.password,
): Promise<Socket> {
  const { socket } = await SocksClient.createConnection({
    command: "connect",
    destination: { host, port },
    proxy: { host: proxy.host, port: proxy.port, type: 5, userId: proxy.user, password },
    timeout: 5_000,
  });
  return socket;
}

/** The client speaks first, as MongoDB's does: `socks` may lose what a server says before. */
async function ask(socket: Socket): Promise<string> {
  socket.write("?");
  return (await readAll(socket)).toString();
}

/** What the proxy answers to these bytes, until it closes. */
async function say(proxy: SocksProxy, bytes: readonly number[]): Promise<number[]> {
  const socket = tcpConnect(proxy.port, proxy.host);
  socket.write(Buffer.from(bytes));
  return [...(await readAll(socket))];
}

describe("the proxy through a real sshd", () => {
  it("carries to every allowed address by one SSH connection, by name and by number", async () => {
    await using one = await serve((socket) => socket.once("data", () => socket.end("one")));
    await using two = await serve((socket) => socket.once("data", () => socket.end("two")));
    await using host = await open();
    const proxy = await host.openProxy(random);
    for (const { port } of [one.reach, two.reach])
      for (const name of ["127.0.0.1", "localhost"]) proxy.allow({ host: name, port });
    expect(await ask(await goThrough(proxy, "127.0.0.1", one.reach.port))).toBe("one");
    expect(await ask(await goThrough(proxy, "LOCALHOST", two.reach.port))).toBe("two");
    expect(sshd.connections()).toBe(1);
  });

  it("refuses an address that was not allowed, be it another port of an allowed host", async () => {
    await using server = await serve((socket) => socket.end("reached"));
    await using other = await serve((socket) => socket.end("reached"));
    await using host = await open();
    const proxy = await host.openProxy(random);
    proxy.allow({ host: "127.0.0.1", port: server.reach.port });
    await expect(goThrough(proxy, "127.0.0.1", other.reach.port)).rejects.toThrow(/NotAllowed/);
    await expect(goThrough(proxy, "localhost", server.reach.port)).rejects.toThrow(/NotAllowed/);
    expect(other.open()).toBe(0);
  });

  it("lets nobody in without the password of its session", async () => {
    await using server = await serve((socket) => socket.end("reached"));
    await using host = await open();
    const [proxy, another] = [await host.openProxy(random), await host.openProxy(random)];
    proxy.allow({ host: "127.0.0.1", port: server.reach.port });
    await expect(goThrough(proxy, "127.0.0.1", server.reach.port, another.password)).rejects.toThrow(
      /Authentication failed/i,
    );
    expect(await say(proxy, [5, 1, 0])).toEqual([5, 0xff]);
    expect(await say(proxy, [4, 1, 0, 80, 127, 0, 0, 1, 0])).toEqual([5, 0xff]);
    expect(proxy.password).toMatch(/^[\w-]{32}$/);
    expect(another.password).not.toBe(proxy.password);
  });

  it("does nothing but CONNECT", async () => {
    await using host = await open();
    const proxy = await host.openProxy(random);
    const text = (value: string) => [value.length, ...Buffer.from(value)];
    const login = [5, 1, 2, 1, ...text(proxy.user), ...text(proxy.password)];
    for (const command of [2, 3])
      expect((await say(proxy, [...login, 5, command, 0, 1, 127, 0, 0, 1, 0, 80])).slice(0, 6)).toEqual([
        5, 2, 1, 0, 5, 7,
      ]);
    expect((await say(proxy, [...login, 5, 1, 0, 9])).slice(4, 6)).toEqual([5, 8]);
  });

  it("says why an allowed address cannot be reached", async () => {
    const server = await serve(() => {});
    await server[Symbol.asyncDispose]();
    await using host = await open();
    const proxy = await host.openProxy(random);
    const address = { host: "127.0.0.1", port: server.reach.port };
    proxy.allow(address);
    expect(proxy.failureOf(address)).toBeUndefined();
    await expect(goThrough(proxy, address.host, address.port)).rejects.toThrow(/HostUnreachable/);
    expect(proxy.failureOf(address)).toMatchObject({ code: "UNREACHABLE" });
  });

  it("resets what goes through it when SSH is lost, and closes with its host", async () => {
    await using fragile = await startSshd();
    await using server = await serve((socket) => socket.write("hello"));
    const host = await openHost(fragile.host, fragile.privateKey, never);
    const proxy = await host.openProxy(random);
    proxy.allow({ host: "127.0.0.1", port: server.reach.port });
    const socket = await goThrough(proxy, "127.0.0.1", server.reach.port);
    const reading = readAll(socket);
    fragile.kill();
    await expect(reading).rejects.toMatchObject({ code: "ECONNRESET" });
    await host[Symbol.asyncDispose]();
    await until(() => socket.closed);
    await expect(readAll(tcpConnect(proxy.port, proxy.host))).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});
