import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { startChild, waitUntilReady } from "../servers/child.ts";
import { findFreePort } from "../servers/port.ts";

export interface LocalAwsOptions {
  /** Where its log and temporary files go; made when missing. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly region?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** How much of their time the pauses before retries and the state Wait take: 0.1 is a tenth; default 1. */
  readonly waitScale?: number;
}

/** An AWS of one's own: one endpoint for every service and Region, empty at its start, gone at its end. */
export interface LocalAws extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`: an address, so that S3 clients need no path style. */
  readonly endpoint: string;
  readonly region: string;
  readonly account: string;
  /** What a command-line tool or a container needs to talk to it: endpoint, Region, credentials. */
  readonly env: Readonly<Record<string, string>>;
  /** What an SDK client needs to talk to it. */
  readonly client: {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
  readonly logFile: string;
  stop(): Promise<void>;
}

const REPOSITORY = resolve(import.meta.dirname, "../..");
const READY_WITHIN_MS = 30_000;
const ACCOUNT = "000000000000";
const CREDENTIALS = { accessKeyId: "test", secretAccessKey: "test" };

/**
 * Starts the local AWS (MiniStack) that `scripts/setup` installed. Throws when it does not answer within 30 s.
 * It ends by SIGTERM and, since it waits for open task tokens then, by SIGKILL 2 s later.
 */
export async function startLocalAws(options: LocalAwsOptions): Promise<LocalAws> {
  const { signal, region = "eu-central-1", waitScale = 1 } = options;
  const folder = resolve(options.folder);
  await mkdir(folder, { recursive: true });
  const port = options.port ?? (await findFreePort());
  const endpoint = `http://127.0.0.1:${port}`;
  const logFile = join(folder, "local-aws.log");
  const child = await startChild({
    command: join(REPOSITORY, ".cache/venv/bin/ministack"),
    args: [],
    env: { ...environmentOfServer(folder, port, region), SFN_WAIT_SCALE: String(waitScale) },
    folder,
    logFile,
  });
  await waitUntilReady({
    what: "The local AWS",
    child,
    logFile,
    timeoutMs: READY_WITHIN_MS,
    signal,
    isReady: () => answers(`${endpoint}/_ministack/ready`),
  });
  const stop = async () => void (await child.stop());
  return {
    endpoint,
    region,
    account: ACCOUNT,
    env: environmentOfClients(endpoint, region),
    client: { endpoint, region, credentials: CREDENTIALS },
    logFile,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Its functions inherit this environment, so it holds nothing of the machine's but Node 24 first on PATH. */
function environmentOfServer(folder: string, port: number, region: string): Record<string, string> {
  return {
    PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
    HOME: folder,
    TMPDIR: folder,
    LANG: "C.UTF-8",
    BIND_HOST: "127.0.0.1",
    GATEWAY_PORT: String(port),
    MINISTACK_REGION: region,
    LAMBDA_EXECUTOR: "local",
    LOG_LEVEL: "WARNING",
  };
}

function environmentOfClients(endpoint: string, region: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: "true",
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
