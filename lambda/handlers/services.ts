import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { openHost } from "../engine/host/open-host.ts";
import { SecretMask } from "../engine/jobs/secret-mask.ts";
import type { Services } from "../engine/jobs/services.ts";
import { ConfigError, throwIfAborted } from "../engine/model/errors.ts";
import { sources } from "../engine/sources/registry.ts";
import type { Source } from "../engine/sources/source.ts";
import { makeS3Client } from "../engine/vault/s3-client.ts";
import { S3State } from "../engine/vault/s3-state.ts";
import { S3Vault } from "../engine/vault/s3-vault.ts";
import { makeSecretReader } from "./aws/secrets.ts";
import { makeExecutions, makeStepFunctionsClient, makeTaskTokens } from "./aws/step-functions.ts";
import { type Environment, readEnvironment } from "./environment.ts";
import { makeLog } from "./log.ts";

export interface Wiring {
  readonly services: Services;
  readonly mask: SecretMask;
  readonly environment: Environment;
}

/** The real world as the jobs use it: the only place where AWS clients and jobs meet. */
export function wireServices(): Wiring {
  const environment = readEnvironment();
  const { estate } = environment;
  const mask = new SecretMask();
  const s3 = makeS3Client();
  const stepFunctions = makeStepFunctionsClient();
  const secret = makeSecretReader(mask);
  const drillAddress = drillAddressOf(environment);
  const services: Services = {
    estate,
    vault: new S3Vault({ client: s3, bucket: environment.VAULT_BUCKET, lockMode: estate.lockMode }),
    state: new S3State({ client: s3, bucket: environment.STATE_BUCKET }),
    executions: makeExecutions(stepFunctions),
    tokens: makeTaskTokens(stepFunctions),
    clock: { now: () => new Date() },
    random: { bytes: (length) => randomBytes(length) },
    log: makeLog(estate.name, mask),
    ...(drillAddress && { drillAddress }),
    sourceOf,
    openHost: async (signal) => openHost(estate.host, await secret(estate.host.keySecret, signal), signal),
    secret,
    wait,
  };
  return { services, mask, environment };
}

function drillAddressOf({ DRILL_HOST: host, DRILL_PORT: port }: Environment) {
  return host !== undefined && port !== undefined ? { host, port } : undefined;
}

function sourceOf(kind: string): Source {
  const found = Object.hasOwn(sources, kind) ? sources[kind] : undefined;
  if (found) return found;
  throw new ConfigError(
    "INVALID_CONFIG",
    `There is no source of the kind ${kind}; there are ${Object.keys(sources).join(", ")}. Correct estate.yaml and deploy.`,
  );
}

async function wait(delayMs: number, signal: AbortSignal): Promise<void> {
  try {
    await pause(delayMs, undefined, { signal });
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  }
}
