import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { startChild, waitUntilReady } from "./child.ts";
import { findFreePort } from "./port.ts";

const READY_WITHIN_MS = 30_000;

export interface MinioOptions {
  /** The binary. */
  readonly command: string;
  /** Its data and log go there; made when missing. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Default: a free one. */
  readonly port?: number;
}

/** A MinIO of one's own, with the keys that it has where nobody set others. */
export interface Minio extends AsyncDisposable {
  readonly port: number;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** Throws when it does not answer within 30 s. Disposing ends it. */
export async function startMinio({ command, folder, signal, port: wanted }: MinioOptions): Promise<Minio> {
  const data = join(folder, "data");
  await mkdir(data, { recursive: true });
  const port = wanted ?? (await findFreePort());
  const logFile = join(folder, "minio.log");
  const address = `127.0.0.1:${port}`;
  const child = await startChild({
    command,
    args: ["server", data, "--address", address, "--console-address", "127.0.0.1:0", "--quiet"],
    env: { HOME: folder, MINIO_UPDATE: "off", MINIO_BROWSER: "off" },
    folder,
    logFile,
  });
  const isReady = async () => {
    const answer = await fetch(`http://${address}/minio/health/ready`).catch(() => undefined);
    return answer?.ok === true;
  };
  await waitUntilReady({ what: "MinIO", child, logFile, timeoutMs: READY_WITHIN_MS, signal, isReady });
  return {
    port,
    credentials: { accessKeyId: "minioadmin", secretAccessKey: "minioadmin" },
    [Symbol.asyncDispose]: async () => void (await child.stop()),
  };
}
