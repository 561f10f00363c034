import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { invariant } from "../model/errors.ts";
import { connect, nameOfHost } from "./connect.ts";
import type { Reached } from "./host.ts";
import { SshConnection } from "./ssh-connection.ts";
import { type Answer, type Ask, type ThreadData, toPlainError } from "./thread-protocol.ts";
import { openTunnel } from "./tunnel.ts";

/**
 * The thread that decrypts: it holds one SSH connection and the tunnels through it, so that the thread that splits and
 * compresses does not wait for ciphers. Connects at the first tunnel; a lost connection is not opened again.
 */
function serveTunnels(port: MessagePort, { host, privateKey }: ThreadData): void {
  const stop = new AbortController();
  const tunnels = new Map<number, Reached>();
  let connection: Promise<SshConnection> | undefined;
  const say = (answer: Answer) => port.postMessage(answer);

  async function connectOnce(): Promise<SshConnection> {
    const opened = new SshConnection(
      await connect(host, privateKey, stop.signal),
      nameOfHost(host),
      stop.signal,
    );
    opened.lost.addEventListener("abort", () =>
      say({ answer: "lost", error: toPlainError(opened.lost.reason) }),
    );
    return opened;
  }

  async function end(): Promise<void> {
    await Promise.all([...tunnels.values()].map((tunnel) => tunnel[Symbol.asyncDispose]()));
    const opened = await connection?.catch(() => undefined);
    await opened?.[Symbol.asyncDispose]();
    port.close();
  }

  async function answer(ask: Extract<Ask, { id: number }>): Promise<Answer> {
    const { id } = ask;
    if (ask.ask === "close") {
      await tunnels.get(id)?.[Symbol.asyncDispose]();
      tunnels.delete(id);
      return { answer: "closed", id };
    }
    connection ??= connectOnce();
    const tunnel = await openTunnel(await connection, ask.target.host, ask.target.port);
    tunnels.set(id, tunnel);
    return { answer: "opened", id, reached: { host: tunnel.host, port: tunnel.port } };
  }

  port.on("message", (ask: Ask) => {
    if (ask.ask === "abort") stop.abort();
    if (ask.ask === "abort" || ask.ask === "end") {
      void end();
      return;
    }
    answer(ask).then(say, (error: unknown) =>
      say({ answer: "failed", id: ask.id, error: toPlainError(error) }),
    );
  });
}

invariant(parentPort !== null, "the tunnels are served by a thread of a worker");
serveTunnels(parentPort, workerData as ThreadData);
