import { isIPv6 } from "node:net";
import { z } from "zod";

/** A host, by name or number, and a port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `name:27017`, `10.0.0.1:27017` or `[::1]:27017`; nothing that a URI would read as more than a host. */
const ADDRESS = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?)):(\d{1,5})$/;

/** Reads an address; undefined for what is none. Names are compared in small letters, as DNS does. */
export function parseAddress(text: string): Address | undefined {
  const match = ADDRESS.exec(text);
  const port = Number(match?.[4]);
  const host = (match?.[1] ?? match?.[2] ?? "").toLowerCase();
  if (match === null || port < 1 || port > 65_535) return undefined;
  return match[1] === undefined || isIPv6(host) ? { host, port } : undefined;
}

/** `name:27017`; brackets around IPv6. */
export function formatAddress({ host, port }: Address): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An address as a configuration writes it. */
export const addressSchema = z
  .string()
  .refine((text) => parseAddress(text) !== undefined, { message: "a host and a port, such as db1:27017" });
