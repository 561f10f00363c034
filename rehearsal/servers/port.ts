import { once } from "node:events";
import { connect, createServer } from "node:net";

/** A TCP port of 127.0.0.1 that nobody listened on a moment ago. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("The system gave no TCP port.");
  return address.port;
}

/** Whether somebody listens on a TCP port of 127.0.0.1 now. */
export function listens(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect(port, "127.0.0.1");
    const end = (result: boolean) => {
      socket.destroy();
      settle(result);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
