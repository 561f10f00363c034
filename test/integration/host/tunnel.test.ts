import { execFileSync, fork } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { type Socket, connect as tcpConnect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openHost } from "../../../lambda/engine/host/open-host.ts";
import { type Sshd, startSshd } from "../../support/sshd.ts";
import { readAll, serve, until } from "./tcp.ts";

const MIB = 1024 * 1024;
const BIG_BYTES = 24 * MIB;

let sshd: Sshd;
const never = new AbortController().signal;
const PROGRAM = { file: join(import.meta.dirname, "../../../lambda/tunnel.ts"), environment: {} };

beforeAll(async () => {
  sshd = await startSshd();
});
afterAll(() => sshd[Symbol.asyncDispose]());

describe.each([
  ["carried by the worker itself", undefined],
  ["carried by a process of its own", PROGRAM],
])("a tunnel through a real sshd, %s", (_, program) => {
  const open = () => openHost(sshd.host, sshd.privateKey, never, program);

  it("carries a big transfer both ways without changing a byte", async () => {
    await using server = await serve((socket) => socket.pipe(socket));
    await using host = await open();
    const reached = await host.reach(server.reach);
    const sent = randomBytes(BIG_BYTES);
    const socket = tcpConnect(reached.port, reached.host);
    const received = readAll(socket);
    socket.end(sent);
    expect(digest(await received)).toBe(digest(sent));
  });

  it("keeps a half-closed connection open until the server has answered", async () => {
    await using server = await serve((socket) => {
      const chunks: Buffer[] = [];
      socket.on("data", (chunk) => chunks.push(chunk));
      socket.once("end", () => socket.end(`got ${Buffer.concat(chunks).length}`));
    });
    await using host = await open();
    const reached = await host.reach(server.reach);
    const socket = tcpConnect({ port: reached.port, host: reached.host, allowHalfOpen: true });
    socket.end(Buffer.alloc(3 * MIB));
    expect((await readAll(socket)).toString()).toBe(`got ${3 * MIB}`);
  });

  it("holds a fast server back while nobody reads", async () => {
    let written = 0;
    await using server = await serve((socket) => {
      const chunk = Buffer.alloc(MIB);
      const write = () => {
        while (socket.writable && written < 256 * MIB) {
          written += MIB;
          if (!socket.write(chunk)) return;
        }
      };
      socket.on("drain", write);
      write();
    });
    await using host = await open();
    const reached = await host.reach(server.reach);
    const socket = tcpConnect({ port: reached.port, host: reached.host });
    socket.pause();
    await sleep(1500);
    expect(written).toBeLessThan(64 * MIB);
    socket.destroy();
  });

  it("serves several connections at once", async () => {
    await using server = await serve((socket) => socket.pipe(socket));
    await using host = await open();
    const reached = await host.reach(server.reach);
    const answers = Array.from({ length: 8 }, async (_, index) => {
      const socket = tcpConnect(reached.port, reached.host);
      socket.end(`connection ${index}`);
      return (await readAll(socket)).toString();
    });
    expect(await Promise.all(answers)).toEqual(
      Array.from({ length: 8 }, (_, index) => `connection ${index}`),
    );
  });

  it("refuses a port where nobody listens, and says which", async () => {
    const server = await serve(() => {});
    await server[Symbol.asyncDispose]();
    await using host = await open();
    const port = server.reach.port;
    await expect(host.reach(server.reach)).rejects.toMatchObject({
      name: "SourceError",
      code: "UNREACHABLE",
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
  });

  it("resets a connection whose server went away after the tunnel was opened", async () => {
    const server = await serve(() => {});
    await using host = await open();
    const reached = await host.reach(server.reach);
    await server[Symbol.asyncDispose]();
    await expect(readAll(tcpConnect(reached.port, reached.host))).rejects.toMatchObject({
      code: "ECONNRESET",
    });
  });

  it("names permitopen when the key may not forward to the port", async () => {
    await using restricted = await startSshd({
      keyOptions: 'restrict,port-forwarding,permitopen="127.0.0.1:1"',
    });
    await using server = await serve(() => {});
    await using host = await openHost(restricted.host, restricted.privateKey, never, program);
    await expect(host.reach(server.reach)).rejects.toMatchObject({
      code: "UNREACHABLE",
      message: expect.stringContaining("permitopen"),
    });
  });

  it("closes its own connections when it alone is disposed, and leaves the others", async () => {
    await using server = await serve((socket) => socket.pipe(socket));
    await using host = await open();
    const first = await host.reach(server.reach);
    const second = await host.reach(server.reach);
    const [gone, kept] = [first, second].map(({ port, host: address }) => tcpConnect(port, address)) as [
      Socket,
      Socket,
    ];
    gone.on("error", () => {});
    for (const socket of [gone, kept]) {
      socket.write("hello");
      await once(socket, "data");
    }
    await first[Symbol.asyncDispose]();
    await until(() => gone.closed && server.open() === 1);
    kept.end("still there");
    expect((await readAll(kept)).toString()).toBe("still there");
  });

  it("resets what goes through it when the host's signal is aborted", async () => {
    await using server = await serve((socket) => socket.pipe(socket));
    const stop = new AbortController();
    await using host = await openHost(sshd.host, sshd.privateKey, stop.signal, program);
    const reached = await host.reach(server.reach);
    const socket = tcpConnect(reached.port, reached.host);
    socket.write("hello");
    await once(socket, "data");
    const reading = readAll(socket);
    stop.abort();
    await expect(reading).rejects.toMatchObject({ code: "ECONNRESET" });
    await expect(host.reach(server.reach)).rejects.toMatchObject({ name: "Cancelled" });
  });

  it("leaves no socket, listener or connection behind when it is disposed", async () => {
    await using server = await serve((socket) => socket.pipe(socket));
    const host = await open();
    const reached = await host.reach(server.reach);
    const socket = tcpConnect(reached.port, reached.host);
    socket.on("error", () => {});
    socket.write("hello");
    await once(socket, "data");
    await host[Symbol.asyncDispose]();
    if (!socket.closed) await once(socket, "close");
    await until(() => server.open() === 0 && sshd.connections() === 0);
    await expect(readAll(tcpConnect(reached.port, reached.host))).rejects.toMatchObject({
      code: "ECONNREFUSED",
    });
  });
});

describe("a process that carries a tunnel", () => {
  const carriers = () => {
    const listed = execFileSync("pgrep", ["-P", String(process.pid), "-f", "lambda/tunnel.ts"], {
      encoding: "utf8",
    });
    return listed.trim().split("\n").map(Number);
  };

  it("is killed: what it carried is reset here, and never just ends", async () => {
    await using server = await serve((socket) => socket.pipe(socket));
    await using host = await openHost(sshd.host, sshd.privateKey, never, PROGRAM);
    const reached = await host.reach(server.reach);
    const socket = tcpConnect(reached.port, reached.host);
    socket.write("hello");
    await once(socket, "data");
    const reading = readAll(socket);
    for (const carrier of carriers()) process.kill(carrier, "SIGKILL");
    await expect(reading).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  it("resets what it carries when its connection to the host is lost", async () => {
    const fragile = await startSshd();
    await using server = await serve((socket) => socket.pipe(socket));
    await using host = await openHost(fragile.host, fragile.privateKey, never, PROGRAM);
    const reached = await host.reach(server.reach);
    const socket = tcpConnect(reached.port, reached.host);
    socket.write("hello");
    await once(socket, "data");
    const reading = readAll(socket);
    await fragile[Symbol.asyncDispose]();
    await expect(reading).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  it("ends with its parent, however that one ends", async () => {
    const server = await serve((socket) => socket.pipe(socket));
    const order = { host: sshd.host, privateKey: sshd.privateKey, target: server.reach, program: PROGRAM };
    const parent = fork(join(import.meta.dirname, "tunnel-parent.ts"), [JSON.stringify(PROGRAM)], {
      stdio: "inherit",
      execArgv: [],
    });
    parent.send(order);
    const [carrier] = (await once(parent, "message")) as [number];
    parent.kill("SIGKILL");
    await until(() => !isRunning(carrier) && sshd.connections() === 0);
    await server[Symbol.asyncDispose]();
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function digest(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
