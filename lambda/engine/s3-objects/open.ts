import type { Reach } from "../host/host.ts";
import type { Context, Purpose, Session } from "../sources/source.ts";
import { loadContentHash } from "../stream/content-hash.ts";
import type { DrillPlace, S3Config } from "./config.ts";
import { PART_BYTES } from "./limits.ts";
import { S3Session } from "./session.ts";
import { type Place, Store } from "./store.ts";

/** What MinIO takes where nobody set others: its drill server has only this task beside it, and ends with it. */
const DRILL_KEY = "minioadmin";
const DEFAULT_REGION = "us-east-1";

/** Opens the buckets of a server, or the server of a drill. Secrets are read before anything is reached. */
export async function openS3(
  config: S3Config | DrillPlace,
  context: Context,
  purpose: Purpose,
  partBytes = PART_BYTES,
): Promise<Session> {
  const newContent = await loadContentHash();
  if ("drill" in config) {
    const credentials = { accessKeyId: DRILL_KEY, secretAccessKey: DRILL_KEY };
    const store = new Store({ ...config.drill, region: DEFAULT_REGION, credentials }, context.signal);
    const close = async () => {};
    return new S3Session({
      store,
      buckets: "all",
      unreadable: "fail",
      partBytes,
      context,
      newContent,
      close,
    });
  }
  const credentials = await readCredentials(config, context, purpose);
  const reached = await context.host.reach(config.reach satisfies Reach);
  const { buckets, unreadable, region } = config;
  const place = { host: reached.host, port: reached.port, region, credentials, ...tlsOf(config) };
  const store = new Store(place, context.signal);
  const close = async () => reached[Symbol.asyncDispose]();
  return new S3Session({ store, buckets, unreadable, partBytes, context, newContent, close });
}

async function readCredentials(
  config: S3Config,
  { secret }: Pick<Context, "secret">,
  purpose: Purpose,
): Promise<Place["credentials"]> {
  const { accessKeyId, secretKeySecret, restoreAccessKeyId, restoreSecretKeySecret } = config;
  if (purpose === "write" && restoreAccessKeyId !== undefined && restoreSecretKeySecret !== undefined)
    return { accessKeyId: restoreAccessKeyId, secretAccessKey: await secret(restoreSecretKeySecret) };
  return { accessKeyId, secretAccessKey: await secret(secretKeySecret) };
}

/** Without the members that are not set. */
function tlsOf({ tls }: S3Config): Pick<Place, "tls"> {
  if (tls === undefined) return {};
  const { ca, serverName } = tls;
  return { tls: { ...(ca !== undefined && { ca }), ...(serverName !== undefined && { serverName }) } };
}
