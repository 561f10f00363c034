import { X509Certificate } from "node:crypto";
import { connect, type TLSSocket } from "node:tls";
import { parseAddress } from "../host/address.ts";
import type { Host } from "../host/host.ts";
import { invariant, SourceError } from "../model/errors.ts";
import type { Served } from "./config.ts";

const HANDSHAKE_TIMEOUT_MS = 10_000;

/** What a server shows for a domain now, whoever signed it. Throws `SourceError` UNREACHABLE or TIMED_OUT. */
export async function askServed(
  domain: string,
  { address, through }: Served,
  host: Host,
  signal: AbortSignal,
): Promise<X509Certificate> {
  const place = parseAddress(address);
  invariant(place !== undefined, "an address of the configuration was parsed at the door");
  await using reached = await host.reach({ via: through, ...place });
  const socket = connect({
    host: reached.host,
    port: reached.port,
    ...(domain.includes("*") ? {} : { servername: domain }),
    // It is looked at, not trusted: one that nobody trusts is just what has to be seen.
    rejectUnauthorized: false,
    timeout: HANDSHAKE_TIMEOUT_MS,
  });
  const onAbort = () => socket.destroy(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await shownBy(socket, domain);
  } finally {
    signal.removeEventListener("abort", onAbort);
    socket.destroy();
  }
}

function shownBy(socket: TLSSocket, domain: string): Promise<X509Certificate> {
  const failed = (code: "UNREACHABLE" | "TIMED_OUT", why: string) =>
    new SourceError(code, `The server of ${domain} showed no certificate: ${why}. See whether it runs.`);
  return new Promise((resolve, reject) => {
    socket.once("secureConnect", () => {
      const { raw } = socket.getPeerCertificate();
      if (raw === undefined) reject(failed("UNREACHABLE", "it has none"));
      else resolve(new X509Certificate(raw));
    });
    socket.once("timeout", () => reject(failed("TIMED_OUT", `no answer in ${HANDSHAKE_TIMEOUT_MS} ms`)));
    socket.once("error", (error) => reject(failed("UNREACHABLE", error.message)));
    socket.once("close", () => reject(failed("UNREACHABLE", "it closed the connection")));
  });
}
