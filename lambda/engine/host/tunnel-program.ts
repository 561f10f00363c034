import type { Socket } from "node:net";
import type { z } from "zod";
import { connect, nameOfHost } from "./connect.ts";
import { join } from "./loopback.ts";
import { SshConnection } from "./ssh-connection.ts";
import { carrySchema, type News, orderSchema, toFailure } from "./tunnel-messages.ts";

/**
 * What the process of a tunnel runs: one SSH connection, and what its parent hands it to carry. It ends when the parent
 * does, when it is told to, and when the connection is lost. Never returns.
 */
export async function serveTunnel(self: NodeJS.Process): Promise<never> {
  const stop = new AbortController();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  self.once("disconnect", end);
  // A parent that dies in the middle of the login is not waited for.
  const order = orderSchema.parse(await nextMessage(self));
  try {
    await using connection = await openConnection(order, stop.signal);
    const { host, port } = order.target;
    (await connection.forward(host, port)).close();
    const carrying = new Carrying(connection, order, self);
    self.on("message", (message: unknown, socket: unknown) => carrying.take(message, socket as Socket));
    connection.lost.addEventListener("abort", () => carrying.lose(connection.lost.reason), { once: true });
    await tell(self, { kind: "ready" });
    await ended;
  } catch (error) {
    await tell(self, { kind: "failed", failure: toFailure(error) });
  }
  self.exit(0);
}

type Order = z.infer<typeof orderSchema>;

async function openConnection({ host, privateKey }: Order, signal: AbortSignal): Promise<SshConnection> {
  return new SshConnection(await connect(host, privateKey, signal), nameOfHost(host), signal);
}

class Carrying {
  readonly #connection: SshConnection;
  readonly #target: Order["target"];
  readonly #self: NodeJS.Process;
  readonly #sockets = new Set<Socket>();

  constructor(connection: SshConnection, { target }: Order, self: NodeJS.Process) {
    this.#connection = connection;
    this.#target = target;
    this.#self = self;
  }

  /** `socket` is missing where its other end was gone before it came. */
  take(message: unknown, socket: Socket | undefined): void {
    const { id } = carrySchema.parse(message);
    if (socket === undefined) return void tell(this.#self, { kind: "closed", id, reset: true });
    this.#sockets.add(socket);
    socket.allowHalfOpen = true;
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      this.#sockets.delete(socket);
      void tell(this.#self, { kind: "closed", id, reset: !socket.writableFinished });
    });
    this.#connection.forward(this.#target.host, this.#target.port).then(
      (channel) => join(socket, channel),
      () => socket.resetAndDestroy(),
    );
  }

  /** Before the library ends the channels, as if the far side had finished: nothing may look like an end. */
  lose(reason: unknown): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    void tell(this.#self, { kind: "lost", failure: toFailure(reason) }).then(() => this.#self.exit(1));
  }
}

function nextMessage(self: NodeJS.Process): Promise<unknown> {
  return new Promise((resolve) => self.once("message", resolve));
}

/** Done when the parent was told, or is gone. */
function tell(self: NodeJS.Process, news: News): Promise<void> {
  return new Promise((resolve) => {
    if (self.connected && self.send) self.send(news, () => resolve());
    else resolve();
  });
}
