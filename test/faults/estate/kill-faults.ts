import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, it } from "vitest";
import type { TaskEvent } from "../../../rehearsal/agent/running-task.ts";
import { makeSeededRandom } from "../../support/bytes.ts";
import type { EstateWorld } from "../../support/estate-world.ts";
import { expectFailure, expectGoodBackup, runBackup, type World } from "./expectations.ts";
import { expectDrillServersGone } from "./processes.ts";
import { findBroken, listManifests } from "./vault-judge.ts";

const KILLS = 20;
const JOBS = ["dump", "check", "drill"] as const;
type Job = (typeof JOBS)[number];

interface Moment {
  readonly kill: number;
  readonly seed: number;
  readonly job: Job;
  /** Of the job's usual time. */
  readonly percent: number;
}

const SEED = Number(process.env.FAULTS_SEED ?? 20261123);

/** Twenty moments spread over the three jobs; the same seed, the same moments. */
function drawMoments(): Moment[] {
  const random = makeSeededRandom(SEED);
  return Array.from({ length: KILLS }, (_, kill) => ({
    kill: kill + 1,
    seed: SEED,
    job: JOBS[kill % JOBS.length] ?? "dump",
    percent: Math.round(random() * 100),
  }));
}

/** The worker dies at any moment, as if its host lost power. */
export function killFaults(given: World): void {
  const usual: Record<Job, number> = { dump: 0, check: 0, drill: 0 };
  const failed = new Set<Job>();
  beforeAll(async () => Object.assign(usual, await measureJobs(given())));

  it.each(drawMoments())(
    "leaves a whole backup or none, and at most one alert, after SIGKILL of the $job at $percent % (kill $kill of seed $seed)",
    async ({ job, percent }) => {
      const world = given();
      const before = await listManifests(world);
      const starting = world.nextEvent(`the worker of the ${job}`, isStartOf(job));
      const executionArn = await world.startRun({ cadence: job === "drill" ? "manual" : "weekly" });
      const { task } = await starting;
      await sleep((usual[job] * percent) / 100);
      task.kill();
      const execution = await world.endOf(executionArn);
      if (execution.status !== "SUCCEEDED") {
        await expectFailure(world, execution, new RegExp(`mongodb failed at ${job}: WorkerStopped`));
        failed.add(job);
      }
      const fresh = (await listManifests(world)).slice(before.length);
      expect(fresh.length).toBeLessThanOrEqual(1);
      expect(await findBroken(world, fresh)).toEqual([]);
      if (job === "drill") await expectDrillServersGone(world);
    },
  );

  it("has met workers of every job that had not answered yet", () => {
    expect([...failed].sort()).toEqual([...JOBS].sort());
  });

  it("backs up as before after all those deaths", () => expectGoodBackup(given(), { cadence: "manual" }));
}

function isStartOf(job: Job): (event: TaskEvent) => boolean {
  return ({ type, task }) => type === "worker-started" && task.plan.request?.job === job;
}

/** How long the worker of each job lives in a run that nobody disturbs, in milliseconds. */
async function measureJobs(world: EstateWorld): Promise<Partial<Record<Job, number>>> {
  const started = new Map<string, number>();
  const lived: Partial<Record<string, number>> = {};
  const unsubscribe = world.agent.subscribe(({ type, task, atMs }) => {
    const job = task.plan.request?.job ?? "";
    if (type === "worker-started") started.set(job, atMs);
    if (type === "worker-exited") lived[job] = atMs - (started.get(job) ?? atMs);
  });
  const { status } = await runBackup(world, { cadence: "manual" });
  unsubscribe();
  expect(status).toBe("SUCCEEDED");
  return lived;
}
