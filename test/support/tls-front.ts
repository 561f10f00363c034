import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import type { Certificates } from "./certificates.ts";

/** A real TLS server that demands a client certificate, or takes anybody, before a server that speaks none. */
export interface TlsFront extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Common names of the clients that came in. */
  readonly clients: readonly string[];
  /** All that clients sent. */
  heard(): Buffer;
}

/**
 * `mongod.exe` under wine cannot serve TLS: its start ends with "CertCreateCertificateChainEngine failed: Invalid
 * parameter". So TLS ends here, and the rest of the way is plain.
 */
export async function startTlsFront(
  { ca, server }: Certificates,
  targetPort: number,
  takes: "known-clients" | "anybody" = "known-clients",
): Promise<TlsFront> {
  const clients: string[] = [];
  const sockets = new Set<Socket>();
  const heard: Buffer[] = [];
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy()).once("close", () => sockets.delete(socket));
  };
  const front = createServer(
    { ca, cert: server, key: server, requestCert: takes === "known-clients", rejectUnauthorized: true },
    (socket: TLSSocket) => {
      clients.push(String(socket.getPeerCertificate().subject?.CN));
      const target = connect(targetPort, "127.0.0.1");
      keep(socket);
      keep(target);
      socket.on("data", (chunk) => {
        heard.push(chunk);
      });
      socket.pipe(target).pipe(socket);
      socket.once("close", () => target.destroy());
      target.once("close", () => socket.destroy());
    },
  );
  front.on("tlsClientError", () => {});
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  const address = front.address();
  return {
    host: "127.0.0.1",
    port: typeof address === "object" && address !== null ? address.port : 0,
    clients,
    heard: () => Buffer.concat(heard),
    [Symbol.asyncDispose]: async () => {
      const closed = once(front, "close");
      front.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
