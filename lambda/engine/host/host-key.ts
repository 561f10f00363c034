import { createHash } from "node:crypto";

/** A pinned public key: its type as in known_hosts, and the bytes that the server must show. */
export interface HostKey {
  readonly type: string;
  readonly blob: Buffer;
}

/** Reads `ssh-ed25519 AAAA…`; the configuration's schema has checked the form. */
export function parseHostKey(line: string): HostKey {
  const [type = "", encoded = ""] = line.split(" ");
  return { type, blob: Buffer.from(encoded, "base64") };
}

/** `SHA256:…` as `ssh-keygen -l` prints it, so that an operator can compare it by eye. */
export function fingerprintOfKey(blob: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

/** The signature algorithms that prove a key of this type; an RSA key never by SHA-1. */
export function signatureAlgorithmsOf(type: string): string[] {
  return type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type];
}
