import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:tls";

/**
 * The host's own TLS server in front of its app: it shows the chain that lay on the disk when it was last told to load it, as
 * nginx does. SIGHUP loads it again; what cannot be loaded leaves the old one in use, and LOADED_FILE unwritten.
 * Environment: FRONT_PORT, CHAIN, KEY, LOADED_FILE, and OWNER_PID, the process of the host.
 */
const { FRONT_PORT, CHAIN = "", KEY = "", LOADED_FILE = "", OWNER_PID } = process.env;
const OWNER_CHECK_MS = 1_000;

const readPair = () => ({ cert: readFileSync(CHAIN), key: readFileSync(KEY) });
const tellLoaded = () => writeFileSync(LOADED_FILE, "");

const server = createServer(readPair(), (socket) => socket.end());
server.on("tlsClientError", () => undefined);
server.listen(Number(FRONT_PORT), "127.0.0.1", tellLoaded);

process.on("SIGHUP", () => {
  try {
    server.setSecureContext(readPair());
    tellLoaded();
  } catch (error) {
    console.error(error);
  }
});
process.once("SIGTERM", () => process.exit(0));

// It was started through SSH and has no parent that would end it: a host that is gone takes it along.
setInterval(() => {
  try {
    process.kill(Number(OWNER_PID), 0);
  } catch {
    process.exit(1);
  }
}, OWNER_CHECK_MS);
