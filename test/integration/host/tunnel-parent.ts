import { execFileSync } from "node:child_process";
import type { Reach } from "../../../lambda/engine/host/host.ts";
import { openHost } from "../../../lambda/engine/host/open-host.ts";
import type { TunnelProgram } from "../../../lambda/engine/host/tunnel-process.ts";
import type { EstateHost } from "../../../lambda/engine/model/estate.ts";

/** A worker that has a tunnel carried, tells by whom, and waits for its end. */
process.once("message", async (message: unknown) => {
  const { host, privateKey, target, program } = message as {
    host: EstateHost;
    privateKey: string;
    target: Reach;
    program: TunnelProgram;
  };
  const opened = await openHost(host, privateKey, new AbortController().signal, program);
  await opened.reach(target);
  const carrier = execFileSync("pgrep", ["-P", String(process.pid), "-f", "lambda/tunnel.ts"], {
    encoding: "utf8",
  });
  process.send?.(Number(carrier.trim()));
});
