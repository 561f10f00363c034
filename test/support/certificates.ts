import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A private authority and what it has signed; all PEM, keys behind their certificates. */
export interface Certificates {
  readonly ca: string;
  readonly server: string;
  readonly client: string;
  /** Signed by another authority of the same name. */
  readonly stranger: string;
}

/** Makes them by openssl, for `localhost` and 127.0.0.1, valid for two days. The client is `CN=backup,OU=estate`. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "estate-certificates-"));
  const at = (name: string) => join(folder, name);
  const openssl = (...list: string[]) =>
    execFileSync("openssl", list, { stdio: ["ignore", "ignore", "pipe"] });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  writeFileSync(
    at("names"),
    "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n",
  );
  const makeAuthority = (name: string) =>
    openssl(
      "req",
      "-x509",
      ...key,
      "-days",
      "2",
      "-subj",
      "/CN=estate-test",
      "-keyout",
      at(`${name}.key`),
      "-out",
      at(name),
    );
  const sign = (name: string, subject: string, authority: string) => {
    openssl("req", ...key, "-subj", subject, "-keyout", at(`${name}.key`), "-out", at(`${name}.csr`));
    const by = ["-CA", at(authority), "-CAkey", at(`${authority}.key`), "-CAcreateserial"];
    openssl(
      "x509",
      "-req",
      "-in",
      at(`${name}.csr`),
      ...by,
      "-days",
      "2",
      "-extfile",
      at("names"),
      "-out",
      at(name),
    );
    return [name, `${name}.key`].map((file) => readFileSync(at(file), "utf8")).join("");
  };
  try {
    makeAuthority("ca");
    makeAuthority("other");
    return {
      ca: readFileSync(at("ca"), "utf8"),
      server: sign("server", "/CN=localhost", "ca"),
      client: sign("client", "/OU=estate/CN=backup", "ca"),
      stranger: sign("stranger", "/OU=estate/CN=backup", "other"),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
