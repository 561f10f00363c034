import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { SourceError } from "../model/errors.ts";

const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** What a pair of PEM files says. */
export interface Pair {
  /** The domain's own certificate. */
  readonly leaf: X509Certificate;
  readonly chainLength: number;
  /** The earliest end of its chain: after that, nobody trusts it. */
  readonly notAfter: Date;
}

/**
 * Reads chain and key of `domain`. Throws `SourceError` UNSUPPORTED when they are no PEM, when the key is not the
 * certificate's, or when a certificate was not issued by the one behind it. Of a private key no byte is ever told.
 */
export function readPair(domain: string, chain: Buffer, key: Buffer): Pair {
  const certificates = readChain(domain, chain);
  const [leaf] = certificates as [X509Certificate, ...X509Certificate[]];
  if (!leaf.checkPrivateKey(readKey(domain, key)))
    throw faulty(domain, "the key is not that of the certificate", "the key that it was issued for");
  for (const [index, issuer] of certificates.slice(1).entries()) {
    const issued = certificates[index];
    if (issued === undefined || (issued.checkIssued(issuer) && issued.verify(issuer.publicKey))) continue;
    throw faulty(
      domain,
      `certificate ${index + 1} of the chain was not issued by the one behind it`,
      "each certificate followed by its issuer's",
    );
  }
  const ends = certificates.map(({ validTo }) => Date.parse(validTo));
  return { leaf, chainLength: certificates.length, notAfter: new Date(Math.min(...ends)) };
}

function readChain(domain: string, chain: Buffer): X509Certificate[] {
  const blocks = chain.toString("latin1").match(BLOCK) ?? [];
  if (blocks.length === 0) throw faulty(domain, "a chain without a certificate", "certificates as PEM");
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    throw faulty(domain, "a chain that cannot be read", "certificates as PEM");
  }
}

/** The library's own message is left out: it may quote what it could not read. */
function readKey(domain: string, key: Buffer): KeyObject {
  try {
    return createPrivateKey(key);
  } catch {
    throw faulty(domain, "a key that cannot be read", "a private key as PEM, without a passphrase");
  }
}

function faulty(domain: string, got: string, expected: string): SourceError {
  return new SourceError(
    "UNSUPPORTED",
    `The certificate of ${domain} would serve nobody: got ${got}, expected ${expected}. Correct the files on the host; a server that still shows the old one goes on until it is restarted.`,
    { facts: { domain } },
  );
}
