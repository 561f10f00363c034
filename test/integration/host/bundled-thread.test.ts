import { once } from "node:events";
import { connect as tcpConnect } from "node:net";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Answer } from "../../../lambda/engine/host/thread-protocol.ts";
import { bundleTunnelThread } from "../../../lib/bundle.ts";
import { type Sshd, startSshd } from "../../support/sshd.ts";
import { readAll, serve } from "./tcp.ts";

let sshd: Sshd;
beforeAll(async () => {
  sshd = await startSshd();
});
afterAll(() => sshd[Symbol.asyncDispose]());

it("the thread of the tunnels runs as it is deployed: from one text, without modules or environment", async () => {
  await using server = await serve((socket) => socket.pipe(socket));
  const workerData = { host: sshd.host, privateKey: sshd.privateKey };
  const thread = new Worker(bundleTunnelThread(process.cwd()), { eval: true, workerData, env: {} });
  thread.postMessage({ ask: "open", id: 1, target: { host: "127.0.0.1", port: server.reach.port } });
  const [answer] = (await once(thread, "message")) as [Answer];
  expect(answer).toMatchObject({ answer: "opened", id: 1, reached: { host: "127.0.0.1" } });
  if (answer.answer !== "opened") throw new Error("the tunnel was not opened");
  const socket = tcpConnect(answer.reached.port, answer.reached.host);
  socket.end("through the thread");
  expect((await readAll(socket)).toString()).toBe("through the thread");
  const ended = once(thread, "exit");
  thread.postMessage({ ask: "end" });
  expect(await ended).toEqual([0]);
});
