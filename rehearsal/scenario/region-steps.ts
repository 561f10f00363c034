import { join } from "node:path";
import { HeadBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { SFNClient } from "@aws-sdk/client-sfn";
import { startAgent } from "../agent/agent.ts";
import { moveAws, redirectFunctions } from "../aws/redirect-functions.ts";
import { startRegionGate } from "../aws/region-gate.ts";
import { pairVersions } from "../aws/version-twins.ts";
import { REGIONS } from "../world/estate-file.ts";
import { askRedis } from "../world/others.ts";
import type { World } from "../world/world.ts";
import { judgeRecovery } from "./disaster-steps.ts";
import { requireSuccess, runRunbook } from "./executions.ts";
import { demand, type Step } from "./step.ts";

const RUNBOOK_SECONDS = 240;

/** What is left answers by a gate: the first Region refuses every call of whoever makes it, its buckets those of all Regions. */
export const regionIsLost: Step<World> = {
  name: "The first Region is lost, and the server with it: its buckets and keys refuse every call",
  run: async (world) => {
    const [aws, estate, clients] = [world.get("aws"), world.get("estate"), world.get("clients")];
    const bucket = estate.replicaBucket;
    const twins = await pairVersions(
      { s3: clients.s3, bucket: estate.vaultBucket },
      { s3: clients.s3Replica, bucket },
    );
    const lost = { region: REGIONS.primary, buckets: [estate.vaultBucket] };
    const gate = world.set("gate", await startRegionGate({ aws, lost, copy: { bucket, twins } }));
    world.onClose(() => gate.stop());
    await world.get("agent").stop();
    for (const region of Object.values(REGIONS)) await redirectFunctions(aws, region, gate.endpoint);
    await world.get("mongo").close();
    await world.get("company").lose();
    const refusals = await askLostRegion(world);
    return { refusals, copied: twins.toCopy.size };
  },
};

/** The one act of the operator, in the console of the other Region. */
export const everythingComesBackFromReplica: Step<World> = {
  name: "Everything comes back from the replica, by workers beside it, on a new machine",
  run: async (world) => {
    await startStandby(world);
    const machine = await world.get("company").replace();
    const host = world.set("newHost", {
      address: "127.0.0.1",
      port: machine.port,
      hostKey: machine.hostKey,
    });
    const runId = await runInStandby(world, "region-loss", { host, reason: "rehearsal: Region lost" });
    const { state } = world.get("lostState");
    const s3 = new S3Client(world.get("standbyAws").client);
    return await judgeRecovery(world, { s3, bucket: world.get("estate").replicaBucket, runId, state });
  },
};

/** The next mishap, while that Region is still lost. */
export const redisComesBackFromReplica: Step<World> = {
  name: "Redis alone is emptied and comes back from the replica",
  run: async (world) => {
    const company = world.get("company");
    const before = await askRedis(company, "DEBUG", "DIGEST");
    await askRedis(company, "FLUSHALL");
    const host = world.get("newHost");
    await runInStandby(world, "recover", { source: "redis", host, reason: "rehearsal: FLUSHALL" });
    const after = await askRedis(company, "DEBUG", "DIGEST");
    demand(after === before, `DEBUG DIGEST was ${before} and is ${after}`);
    return { digest: after };
  },
};

async function startStandby(world: World): Promise<void> {
  const aws = moveAws(world.get("aws"), REGIONS.replica, world.get("gate").endpoint);
  world.set("standbyAws", aws);
  const folder = join(world.get("folder"), "standby-agent");
  const agent = startAgent({ aws, folder, signal: world.options.signal });
  world.onClose(() => agent.stop());
}

/** Runs a machine of the other Region; answers its run's name. Throws when it failed, or asked the lost Region for anything. */
async function runInStandby(
  world: World,
  machine: "region-loss" | "recover",
  input: object,
): Promise<string> {
  const { refused } = world.get("gate");
  const before = refused.length;
  const sfn = new SFNClient(world.get("standbyAws").client);
  const asked = { ...input, mode: "execute" };
  const { signal } = world.options;
  const ended = await runRunbook(sfn, world.get("estate").standby[machine], asked, RUNBOOK_SECONDS, signal);
  const runId = requireSuccess(ended, machine);
  const crossed = refused.slice(before).filter(({ from }) => from !== REGIONS.primary);
  demand(crossed.length === 0, `${machine} needed the lost Region: ${JSON.stringify(crossed)}`);
  return runId;
}

/** A gate that lets through is no loss: asked with the Region's own signature, and from the other one. */
async function askLostRegion(world: World): Promise<string[]> {
  const { endpoint } = world.get("gate");
  const { vaultBucket } = world.get("estate");
  const asked = Object.values(REGIONS).map(async (region) => {
    const s3 = new S3Client({ ...world.get("aws").client, endpoint, region, maxAttempts: 1 });
    const refusal = await s3.send(new HeadBucketCommand({ Bucket: vaultBucket })).then(
      () => undefined,
      (error: Error) => error.name,
    );
    demand(refusal !== undefined, `the vault of the lost Region answers those of ${region}`);
    return `${region}: ${refusal}`;
  });
  return await Promise.all(asked);
}
