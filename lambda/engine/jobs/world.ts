import { openHost } from "../host/open-host.ts";
import type { TunnelProgram } from "../host/tunnel-process.ts";

export { serveTunnel } from "../host/tunnel-program.ts";

import { ConfigError } from "../model/errors.ts";
import type { Estate } from "../model/estate.ts";
import { sources } from "../sources/registry.ts";
import type { Source } from "../sources/source.ts";
import { makeS3Client } from "../vault/s3-client.ts";
import { S3State } from "../vault/s3-state.ts";
import { S3Vault } from "../vault/s3-vault.ts";
import type { Services } from "./services.ts";

type World = Pick<Services, "vault" | "state" | "sourceOf" | "openHost" | "secret">;

interface Buckets {
  readonly vaultBucket: string;
  readonly stateBucket: string;
  /** ARN of the key for secrets, where there is one. */
  readonly secretKeyArn?: string | undefined;
}

/**
 * The real vault, state bucket, host and sources of an estate; Region and credentials come from the environment.
 * `tunnels`: the program of processes that carry them; without it this one does.
 */
export function makeWorld(
  estate: Estate,
  buckets: Buckets,
  secret: Services["secret"],
  tunnels?: TunnelProgram,
): World {
  const client = makeS3Client();
  const { vaultBucket: bucket, secretKeyArn } = buckets;
  return {
    vault: new S3Vault({ client, bucket, lockMode: estate.lockMode, secretKeyArn }),
    state: new S3State({ client, bucket: buckets.stateBucket }),
    sourceOf,
    openHost: async (signal, host = estate.host) =>
      openHost(host, await secret(estate.host.keySecret, signal), signal, tunnels),
    secret,
  };
}

/** The state bucket alone. */
export function makeState(bucket: string): Services["state"] {
  return new S3State({ client: makeS3Client(), bucket });
}

/** The source of a kind. Throws `ConfigError` for one that there is not. */
export function sourceOf(kind: string): Source {
  const found = Object.hasOwn(sources, kind) ? sources[kind] : undefined;
  if (found) return found;
  throw new ConfigError(
    "INVALID_CONFIG",
    `There is no source of the kind ${kind}; there are ${Object.keys(sources).join(", ")}. Correct estate.yaml and deploy.`,
  );
}
