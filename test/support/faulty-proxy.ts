import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  request,
  type ServerResponse,
} from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Certificates } from "./certificates.ts";

/** What goes wrong with one exchange. Byte offsets count the body of the answer, or of the request where it says so. */
export type Fault =
  /** Answers without asking the server. */
  | { readonly kind: "answer"; readonly status: number; readonly body?: string }
  /** Breaks the connection after so many bytes of the answer's body. */
  | { readonly kind: "cut"; readonly afterBytes: number }
  /** The server does what was asked, but its answer never arrives. */
  | { readonly kind: "lose-answer" }
  /** Only so many bytes, announced and sent as if the stored object had no more. */
  | { readonly kind: "shorten"; readonly toBytes: number }
  | { readonly kind: "delay"; readonly delayMs: number }
  /** Takes the request's body no faster than that: a line that is slow, but never silent. */
  | { readonly kind: "throttle"; readonly bytesPerSecond: number }
  /** Flips the lowest bit of one byte of the answer's body, or of the request's. */
  | { readonly kind: "flip"; readonly atByte: number; readonly in?: "answer" | "request" };

export interface FaultRule {
  /** Which exchanges it may strike, by method, path with query, and headers. */
  readonly when: (incoming: IncomingMessage) => boolean;
  readonly fault: Fault;
  /** Strikes so many times, then never again; default 1. */
  readonly times?: number;
}

/** An HTTP proxy between a client and a real server that breaks what it is told to break. */
export interface FaultyProxy extends AsyncDisposable {
  readonly endpoint: string;
  inject(rule: FaultRule): void;
  /** Forgets every rule. */
  heal(): void;
  /** How many exchanges were struck so far. */
  struck(): number;
}

/** Starts a proxy on a free local port in front of `endpoint` (`http://address:port`); with certificates it speaks TLS. */
export async function startFaultyProxy(endpoint: string, certificates?: Certificates): Promise<FaultyProxy> {
  const target = new URL(endpoint);
  const rules: { rule: FaultRule; left: number }[] = [];
  let struck = 0;
  const takeFault = (incoming: IncomingMessage): Fault | undefined => {
    const found = rules.find(({ rule, left }) => left > 0 && rule.when(incoming));
    if (found === undefined) return undefined;
    found.left -= 1;
    struck += 1;
    return found.rule.fault;
  };
  const listener: RequestListener = (incoming, outgoing) => {
    exchange(target, incoming, outgoing, takeFault(incoming)).catch(() => incoming.socket.destroy());
  };
  const pem = certificates?.server;
  const server = pem ? createSecureServer({ cert: pem, key: pem }, listener) : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `${pem ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    inject: (rule) => rules.push({ rule, left: rule.times ?? 1 }),
    heal: () => void rules.splice(0),
    struck: () => struck,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function exchange(
  target: URL,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  fault: Fault | undefined,
): Promise<void> {
  if (fault?.kind === "delay") await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
  if (fault?.kind === "answer") {
    incoming.resume();
    outgoing.writeHead(fault.status, { "content-type": "application/xml" }).end(fault.body ?? "");
    return;
  }
  const answer = await forward(target, incoming, fault);
  if (fault?.kind === "lose-answer") {
    await drain(answer);
    incoming.socket.destroy();
    return;
  }
  if (fault?.kind === "shorten") return passShortened(answer, outgoing, fault.toBytes);
  outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
  await passBody(answer, outgoing, fault);
}

/** Where to flip a byte, when that side of the exchange is to be struck. */
function flipIn(fault: Fault | undefined, side: "answer" | "request"): number | undefined {
  return fault?.kind === "flip" && (fault.in ?? "answer") === side ? fault.atByte : undefined;
}

function forward(target: URL, incoming: IncomingMessage, fault: Fault | undefined): Promise<IncomingMessage> {
  const flipAt = flipIn(fault, "request");
  return new Promise((resolve, reject) => {
    const { method, url: path, headers } = incoming;
    const asked = request(
      { host: target.hostname, port: target.port, method, path, headers, agent: false },
      resolve,
    );
    asked.on("error", reject);
    incoming.on("close", () => {
      if (!incoming.complete) asked.destroy();
    });
    let at = 0;
    incoming.on("data", (chunk: Buffer) => {
      asked.write(flip(chunk, at, flipAt));
      at += chunk.length;
      if (fault?.kind === "throttle") holdUp(incoming, (chunk.length / fault.bytesPerSecond) * 1000);
    });
    incoming.on("end", () => asked.end());
  });
}

function holdUp(incoming: IncomingMessage, forMs: number): void {
  incoming.pause();
  setTimeout(() => incoming.resume(), forMs);
}

async function passShortened(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  toBytes: number,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  const body = Buffer.concat(chunks).subarray(0, toBytes);
  const headers = { ...answer.headers, "content-length": String(body.length) };
  outgoing.writeHead(answer.statusCode ?? 502, headers).end(body);
}

async function passBody(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  fault: Fault | undefined,
): Promise<void> {
  const cutAt = fault?.kind === "cut" ? fault.afterBytes : Number.POSITIVE_INFINITY;
  let at = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    const passed = flip(chunk, at, flipIn(fault, "answer")).subarray(0, Math.max(cutAt - at, 0));
    at += chunk.length;
    if (!outgoing.write(passed)) await new Promise((resolve) => outgoing.once("drain", resolve));
    if (at < cutAt) continue;
    // What was written has to leave before the connection breaks.
    await new Promise((resolve) => setTimeout(resolve, 20));
    outgoing.socket?.destroy();
    return;
  }
  outgoing.end();
}

function flip(chunk: Buffer, from: number, at: number | undefined): Buffer {
  if (at === undefined || at < from || at >= from + chunk.length) return chunk;
  const flipped = Buffer.from(chunk);
  flipped[at - from] = (flipped[at - from] ?? 0) ^ 1;
  return flipped;
}

async function drain(answer: IncomingMessage): Promise<void> {
  answer.resume();
  await new Promise((resolve) => answer.once("end", resolve));
}
