import { once } from "node:events";
import { connect as tcpConnect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openHost } from "../../../lambda/engine/host/open-host.ts";
import type { EstateHost } from "../../../lambda/engine/model/estate.ts";
import { type Sshd, startSshd } from "../../support/sshd.ts";
import { readAll, serve } from "./tcp.ts";

const MIB = 1024 * 1024;

let sshd: Sshd;
const never = new AbortController().signal;
const open = (change: Partial<EstateHost> = {}, key = sshd.privateKey, signal = never) =>
  openHost({ ...sshd.host, ...change }, key, signal);

beforeAll(async () => {
  sshd = await startSshd();
});
afterAll(() => sshd[Symbol.asyncDispose]());

describe("a connection that is lost", () => {
  it("breaks the stream with an error instead of ending it", async () => {
    await using fragile = await startSshd();
    await using server = await serve((socket) => {
      const chunk = Buffer.alloc(MIB);
      const write = () => {
        while (socket.writable && socket.write(chunk));
      };
      socket.on("drain", write);
      write();
    });
    await using host = await openHost(fragile.host, fragile.privateKey, never);
    const reached = await host.reach(server.reach);
    const socket = tcpConnect(reached.port, reached.host);
    const reading = readAll(socket);
    await once(socket, "data");
    fragile.kill();
    await expect(reading).rejects.toMatchObject({ code: "ECONNRESET" });
    await expect(host.run("true", never)).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    await expect(host.reach(server.reach)).rejects.toMatchObject({ code: "CONNECTION_LOST" });
  });

  it("fails a running command as CONNECTION_LOST", async () => {
    await using fragile = await startSshd();
    await using host = await openHost(fragile.host, fragile.privateKey, never);
    expect(await host.run("true", never)).toMatchObject({ exitCode: 0 });
    const running = host.run("sleep 20", never);
    const failure = expect(running).rejects.toMatchObject({ name: "SourceError", code: "CONNECTION_LOST" });
    await sleep(300);
    fragile.kill();
    await failure;
  });

  it("stops everything when the signal of the host is aborted", async () => {
    const stop = new AbortController();
    await using host = await open({}, sshd.privateKey, stop.signal);
    expect(await host.run("true", never)).toMatchObject({ exitCode: 0 });
    const running = host.run("sleep 20", stop.signal);
    const failure = expect(running).rejects.toMatchObject({ name: "Cancelled", code: "ABORTED" });
    stop.abort();
    await failure;
    await expect(host.run("true", never)).rejects.toMatchObject({ name: "Cancelled" });
  });
});

describe("connecting", () => {
  it("does not call the host while every source is direct", async () => {
    await using host = await open({ port: 1 });
    const reached = await host.reach({ via: "direct", host: "db.example", port: 27017 });
    expect(reached).toMatchObject({ host: "db.example", port: 27017 });
  });

  it("refuses a host with another key and shows both fingerprints", async () => {
    await using host = await open({ hostKey: sshd.otherHostKey });
    const failure = await host.run("true", never).catch((error) => error);
    expect(failure).toMatchObject({ name: "SourceError", code: "HOST_KEY_CHANGED" });
    const fingerprints = failure.message.match(/SHA256:[A-Za-z0-9+/]{43}/g);
    expect(new Set(fingerprints).size).toBe(2);
  });

  it("refuses a host that no longer has a key of the pinned type", async () => {
    const rsa = `ssh-rsa ${sshd.otherHostKey.split(" ")[1]}`;
    await using host = await open({ hostKey: rsa });
    await expect(host.run("true", never)).rejects.toMatchObject({ code: "HOST_KEY_CHANGED" });
  });

  it("ends as AUTH_FAILED with a key that the host does not know", async () => {
    await using host = await open({}, sshd.strangerKey);
    await expect(host.run("true", never)).rejects.toMatchObject({ code: "AUTH_FAILED" });
  });

  it("ends as AUTH_FAILED, without quoting it, when the secret is not a key", async () => {
    await using host = await open({}, "correct horse battery staple");
    const failure = await host.run("true", never).catch((error) => error);
    expect(failure).toMatchObject({ code: "AUTH_FAILED" });
    expect(failure.message).not.toContain("battery");
  });

  it("ends as UNREACHABLE where nobody listens", async () => {
    const closed = await serve(() => {});
    await closed[Symbol.asyncDispose]();
    await using host = await open({ port: closed.reach.port });
    await expect(host.run("true", never)).rejects.toMatchObject({ code: "UNREACHABLE" });
  });

  it("ends as UNREACHABLE when something else than SSH hangs up", async () => {
    await using server = await serve((socket) => socket.end("220 not ssh\r\n"));
    await using host = await open({ port: server.reach.port });
    await expect(host.run("true", never)).rejects.toMatchObject({ code: "UNREACHABLE" });
  });

  it("is cancelled while it waits for a silent server", async () => {
    await using server = await serve(() => {});
    const stop = new AbortController();
    await using host = await open({ port: server.reach.port }, sshd.privateKey, stop.signal);
    const running = expect(host.run("true", never)).rejects.toMatchObject({ name: "Cancelled" });
    await sleep(100);
    stop.abort();
    await running;
  });
});

describe("a command on the host", () => {
  it("gives the exit code and both outputs", async () => {
    await using host = await open();
    const result = await host.run("echo out; echo err >&2; exit 3", never);
    expect(result).toEqual({ exitCode: 3, stdout: "out\n", stderr: "err\n" });
  });

  it("gives 128 plus the number of the signal that ended it", async () => {
    await using host = await open();
    expect(await host.run("kill -KILL $$", never)).toMatchObject({ exitCode: 137 });
  });

  it("cuts each output at 64 KiB without holding the command up", async () => {
    await using host = await open();
    const result = await host.run("head -c 9000000 /dev/zero | tr '\\0' x; echo done >&2", never);
    expect(result.exitCode).toBe(0);
    expect(result.stdout).toHaveLength(64 * 1024);
    expect(result.stderr).toBe("done\n");
  });

  it("is ended when its signal is aborted, and the connection stays usable", async () => {
    await using host = await open();
    const stop = new AbortController();
    const running = expect(host.run("sleep 20", stop.signal)).rejects.toMatchObject({ name: "Cancelled" });
    setTimeout(() => stop.abort(), 200);
    await running;
    expect(await host.run("true", never)).toMatchObject({ exitCode: 0 });
  });

  it("says so when the key allows no commands", async () => {
    await using restricted = await startSshd({ keyOptions: 'restrict,command="exit 41"' });
    await using host = await openHost(restricted.host, restricted.privateKey, never);
    expect(await host.run("echo anything", never)).toMatchObject({ exitCode: 41, stdout: "" });
  });
});
