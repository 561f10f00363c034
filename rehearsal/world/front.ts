import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { connect } from "node:tls";
import { promisify } from "node:util";
import { quote } from "../host/quote.ts";
import { findFreePort } from "../servers/port.ts";

const DOMAIN = "erp.example.test";
const COMMAND_LIMIT_MS = 20_000;
const HANDSHAKE_LIMIT_MS = 5_000;
const run = promisify(execFile);

/** A TLS server in front of the app, and the chain and key that it shows, made by openssl. */
export interface Front {
  readonly domain: string;
  readonly port: number;
  /** Chain and key lie in it. */
  readonly certificatesFolder: string;
  readonly chainPath: string;
  readonly keyPath: string;
  /** The host's own command that has the server load what lies there, and starts it where it does not run. */
  readonly reloadCommand: string;
  /** As a server that dies. Repeatable. */
  kill(): Promise<void>;
}

/** Makes the chain in `certificatesFolder` and starts the server; what it needs to run lies in `folder`. */
export async function startFront(folder: string, certificatesFolder: string): Promise<Front> {
  const place = resolve(folder);
  await mkdir(place, { recursive: true, mode: 0o700 });
  const paths = await makeChain(place, certificatesFolder);
  const port = await findFreePort();
  const settings = {
    NODE: process.execPath,
    FRONT: join(import.meta.dirname, "../host/front.ts"),
    FRONT_PORT: String(port),
    CHAIN: paths.chainPath,
    KEY: paths.keyPath,
    LOADED_FILE: join(place, "loaded"),
    OWNER_PID: String(process.pid),
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${quote(value)}\n`);
  await writeFile(join(place, "front.env"), lines.join(""), { mode: 0o600 });
  const reloadCommand = [join(import.meta.dirname, "../host/frontctl"), place].map(quote).join(" ");
  await run("bash", ["-c", reloadCommand], { timeout: COMMAND_LIMIT_MS });
  const pidFile = join(place, "front.pid");
  return { domain: DOMAIN, port, certificatesFolder, ...paths, reloadCommand, kill: () => kill(pidFile) };
}

/** A root of the company's own and a certificate that it issued; only the chain and its key are kept. */
async function makeChain(folder: string, certificatesFolder: string) {
  await mkdir(certificatesFolder, { recursive: true });
  const at = (name: string) => join(folder, name);
  const [chainPath, keyPath] = ["fullchain.pem", "privkey.pem"].map((name) => join(certificatesFolder, name));
  if (chainPath === undefined || keyPath === undefined) throw new Error("two names give two paths");
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const root = [
    "-keyout",
    at("root.key"),
    "-out",
    at("root.pem"),
    "-days",
    "365",
    "-subj",
    "/CN=Company root",
  ];
  await openssl("req", "-x509", ...newKey, ...root);
  const request = ["-keyout", keyPath, "-out", at("leaf.csr"), "-subj", `/CN=${DOMAIN}`];
  await openssl("req", "-new", ...newKey, ...request);
  await writeFile(at("leaf.ext"), `subjectAltName=DNS:${DOMAIN}\n`);
  const issuer = ["-CA", at("root.pem"), "-CAkey", at("root.key"), "-CAcreateserial", "-days", "90"];
  const leaf = ["-in", at("leaf.csr"), "-out", at("leaf.pem"), "-extfile", at("leaf.ext")];
  await openssl("x509", "-req", ...issuer, ...leaf);
  const parts = await Promise.all(["leaf.pem", "root.pem"].map((name) => readFile(at(name))));
  await writeFile(chainPath, Buffer.concat(parts), { mode: 0o644 });
  await chmod(keyPath, 0o600);
  return { chainPath, keyPath };
}

async function openssl(...words: string[]): Promise<void> {
  await run("openssl", words, { timeout: COMMAND_LIMIT_MS });
}

async function kill(pidFile: string): Promise<void> {
  const id = Number(await readFile(pidFile, "utf8").catch(() => ""));
  await rm(pidFile, { force: true });
  try {
    if (id > 0) process.kill(id, "SIGKILL");
  } catch {
    // It ended by itself, which is what was wanted.
  }
}

/** SHA-256 of the certificate that the server shows now; undefined where nobody listens. */
export async function askShown({
  domain,
  port,
}: Pick<Front, "domain" | "port">): Promise<string | undefined> {
  const signal = AbortSignal.timeout(HANDSHAKE_LIMIT_MS);
  // It is looked at, not trusted: its root is the company's own.
  const socket = connect({ host: "127.0.0.1", port, servername: domain, rejectUnauthorized: false });
  try {
    await once(socket, "secureConnect", { signal });
    return socket.getPeerCertificate().fingerprint256;
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}
