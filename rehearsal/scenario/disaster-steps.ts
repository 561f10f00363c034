import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import type { S3Client } from "@aws-sdk/client-s3";
import { MongoClient } from "mongodb";
import { digestStillCollections } from "../data/oracle.ts";
import { askShown } from "../world/front.ts";
import { readObjects } from "../world/objects.ts";
import { askRedis } from "../world/others.ts";
import type { World } from "../world/world.ts";
import { waitFor } from "./executions.ts";
import { judgeRepository } from "./other-steps.ts";
import type { CompleteRecoveryRecord, SetRecord } from "./records.ts";
import { runWhenIdle } from "./run-when-idle.ts";
import { demand, type Step } from "./step.ts";
import { readRecord, readRecords } from "./vault-records.ts";

const SET_WAIT_SECONDS = 240;
const RUNBOOK_SECONDS = 240;
/** Of the rehearsal's small stack. */
const RTO_LIMIT_SECONDS = 90;

/** What the company has, as its own servers and its own disk tell it. */
interface State {
  readonly mongodb: Readonly<Record<string, string>>;
  readonly redis: string;
  readonly files: readonly string[];
  readonly code: string;
  readonly objects: readonly string[];
  readonly accounting: string | undefined;
  /** What the TLS server shows. */
  readonly certificate: string | undefined;
}

/** Nobody writes any more, so that the next set is what has to come back. */
export const hostIsLost: Step<World> = {
  name: "The whole server is lost: every process killed, every folder deleted",
  run: async (world, say) => {
    const company = world.get("company");
    const standsSince = new Date();
    const state = await readState(world);
    say("waiting for a backup set of what stands now");
    const set = await waitForSet(world, standsSince);
    await world.get("mongo").close();
    const lostAt = world.set("lostAt", new Date());
    world.set("lostState", { setId: set.setId, state });
    await company.lose();
    const healthy = await world.get("prober").isHealthyNow();
    demand(!healthy, "the app says that it is healthy without its server");
    return { lostAt: lostAt.toISOString(), setId: set.setId, ...state };
  },
};

/** The one act of the operator, who names the new machine's address and key. */
export const everythingComesBack: Step<World> = {
  name: "Everything comes back on a new machine in one run: configuration, databases, files, app",
  run: async (world, say) => {
    const company = world.get("company");
    const machine = await company.replace();
    demand(machine.hostKey !== company.hostKey, "the new machine has the host key of the lost one");
    const host = { address: "127.0.0.1", port: machine.port, hostKey: machine.hostKey };
    const { setId, state } = world.get("lostState");
    say("waiting until no backup is at work");
    const input = { setId, host, mode: "execute", reason: "rehearsal: server lost" };
    const runId = await runWhenIdle(world, "complete-disaster-recovery", input, RUNBOOK_SECONDS);
    const { s3 } = world.get("clients");
    return await judgeRecovery(world, { s3, bucket: world.get("estate").vaultBucket, runId, state });
  },
};

interface Judged {
  readonly s3: S3Client;
  /** Where its record lies. */
  readonly bucket: string;
  readonly runId: string;
  /** What was lost. */
  readonly state: object;
}

/** Looks at the record of a complete recovery, and at what the new server has. Throws where anything is not as it was. */
export async function judgeRecovery(world: World, { s3, bucket, runId, state }: Judged) {
  const read = await readRecord(s3, bucket, `recoveries/complete/${runId}.json`);
  const { rtoSeconds, rpoSeconds, sources, steps } = read as unknown as CompleteRecoveryRecord;
  demand(
    sources.every(({ outcome }) => outcome === "recovered"),
    `not everything came back: ${JSON.stringify(sources)}`,
  );
  demand(rtoSeconds <= RTO_LIMIT_SECONDS, `it took ${rtoSeconds} s`);
  const mongo = world.set("mongo", new MongoClient(world.get("company").mongod.uri));
  world.onClose(() => mongo.close());
  const after = await readState(world);
  demand(
    JSON.stringify(after) === JSON.stringify(state),
    `it is not what was lost: ${JSON.stringify({ state, after })}`,
  );
  demand(await world.get("prober").isHealthyNow(), "the app is not healthy after the recovery");
  return { rtoSeconds, rpoSeconds, sources, steps };
}

/** A run of the schedule that began after `since` and is complete. */
async function waitForSet(world: World, since: Date): Promise<SetRecord> {
  const look = async () => {
    const sets = await readRecords(world.get("clients").s3, world.get("estate").vaultBucket, "sets/hourly/");
    return sets
      .map(({ record }) => record as unknown as SetRecord)
      .find(({ state, startedAt }) => state === "complete" && Date.parse(startedAt) > since.getTime());
  };
  return await waitFor("a complete backup set", SET_WAIT_SECONDS, look, world.options.signal);
}

async function readState(world: World): Promise<State> {
  const company = world.get("company");
  const folders = [company.uploadsFolder, company.settingsFolder, company.front.certificatesFolder];
  return {
    mongodb: await digestStillCollections(world.get("mongo")),
    redis: await askRedis(company, "DEBUG", "DIGEST"),
    files: (await Promise.all(folders.map(digestTree))).flat(),
    code: company.repositoryPath === undefined ? "" : await judgeRepository(company.repositoryPath),
    objects: company.objects === undefined ? [] : await readObjects(company.objects),
    accounting: company.accounting?.read(),
    certificate: await askShown(company.front),
  };
}

/** `<path> <mode> <SHA-256>` of every file below a folder. */
async function digestTree(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return await Promise.all(
    files.map(async (path) => {
      const digest = createHash("sha256")
        .update(await readFile(path))
        .digest("hex");
      return `${relative(folder, path)} ${((await stat(path)).mode & 0o7777).toString(8)} ${digest}`;
    }),
  );
}
