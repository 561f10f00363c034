import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { SecretMask } from "../engine/jobs/secret-mask.ts";
import type { Services } from "../engine/jobs/services.ts";
import { makeWorld } from "../engine/jobs/world.ts";
import { throwIfAborted } from "../engine/model/errors.ts";
import { makeMetrics } from "./aws/metrics.ts";
import { makeSecretReader } from "./aws/secrets.ts";
import {
  makeBackupStarter,
  makeExecutions,
  makeStepFunctionsClient,
  makeTaskTokens,
} from "./aws/step-functions.ts";
import { makeTopic } from "./aws/topic.ts";
import { type Environment, readEnvironment } from "./environment.ts";
import { makeLog } from "./log.ts";

export interface Wiring {
  readonly services: Services;
  readonly mask: SecretMask;
  readonly environment: Environment;
}

/** The real world as the jobs use it: the only place where AWS clients and jobs meet. `tunnels` as for `makeWorld`. */
export function wireServices(tunnels?: Parameters<typeof makeWorld>[3]): Wiring {
  const environment = readEnvironment();
  const { estate } = environment;
  const mask = new SecretMask();
  const stepFunctions = makeStepFunctionsClient();
  const buckets = {
    vaultBucket: environment.VAULT_BUCKET,
    stateBucket: environment.STATE_BUCKET,
    secretKeyArn: environment.SECRET_KEY_ARN,
  };
  const drillAddress = drillAddressOf(environment);
  const { BACKUP_MACHINE_ARN: backupMachineArn, ALERT_TOPIC_ARN: alertTopicArn } = environment;
  const services: Services = {
    estate,
    ...makeWorld(estate, buckets, makeSecretReader(mask), tunnels),
    executions: makeExecutions(stepFunctions),
    tokens: makeTaskTokens(stepFunctions),
    clock: { now: () => new Date() },
    random: { bytes: (length) => randomBytes(length) },
    log: makeLog(estate.name, mask),
    metrics: makeMetrics(),
    ...(drillAddress && { drillAddress }),
    ...(environment.DRILL_FOLDER && { drillFolder: environment.DRILL_FOLDER }),
    ...(backupMachineArn && { startBackup: makeBackupStarter(stepFunctions, backupMachineArn) }),
    ...(alertTopicArn && { notify: makeTopic(alertTopicArn) }),
    wait,
  };
  return { services, mask, environment };
}

function drillAddressOf({ DRILL_HOST: host, DRILL_PORT: port }: Environment) {
  return host !== undefined && port !== undefined ? { host, port } : undefined;
}

async function wait(delayMs: number, signal: AbortSignal): Promise<void> {
  try {
    await pause(delayMs, undefined, { signal });
  } catch (error) {
    throwIfAborted(signal);
    throw error;
  }
}
