import type { World } from "../world/world.ts";
import { requireSuccess, runRunbook, startRunbook, waitFor, waitForEnd } from "./executions.ts";
import { plantCopy } from "./plant.ts";
import { playSchedule } from "./play-schedule.ts";
import type { SetRecord } from "./records.ts";
import { waitUntilIdle } from "./run-when-idle.ts";
import { demand, type Step } from "./step.ts";
import { readRecord } from "./vault-records.ts";

const CALL_WAIT_SECONDS = 60;
/** The local AWS thaws in seconds, and no event is waited for longer than half an hour. */
const THAW_SECONDS = 120;
const PLAN_SECONDS = 120;
const DRILL_SECONDS = 120;
const BACKUP_SECONDS = 120;
const ABOUT = "rehearsal: the restore of 02:00 hangs, and the app is stopped";

/** An operator calls for help; the first level is told, and takes it over by the command of its message. */
export const escalationIsTakenOver: Step<World> = {
  name: "A call reaches the first level, which takes it over; nobody else is called",
  run: async (world) => {
    const { sfn } = world.get("clients");
    const { escalate } = world.get("estate").machines;
    const executionArn = await startRunbook(sfn, escalate, { about: ABOUT });
    const runId = executionArn.split(":").at(-1) ?? "";
    const called = async () => {
      await world.get("alerts").receive();
      return world.get("alerts").of(runId)[0];
    };
    const message = await waitFor("the call of L1", CALL_WAIT_SECONDS, called, world.options.signal);
    demand(JSON.stringify(message).includes(ABOUT), `the call does not say why: ${JSON.stringify(message)}`);
    await world.runCli(["run", "escalate", "--acknowledge", runId, "--by", "Omar", "--wait"]);
    const { signal } = world.options;
    const { status, output = "{}" } = await waitForEnd(sfn, executionArn, CALL_WAIT_SECONDS, signal);
    demand(status === "SUCCEEDED", `the escalation ended ${status}`);
    await world.get("alerts").receive();
    demand(world.get("alerts").of(runId).length === 1, "more than one level was called");
    return JSON.parse(output);
  },
};

/** A backup that lifecycle has moved to Glacier is planned, thawed, and handed to `recover`. */
export const archiveIsThawed: Step<World> = {
  name: "A backup in Glacier is thawed, by the event of its last object, and handed to the runbook recover",
  run: async (world, say) => {
    const { sfn } = world.get("clients");
    const { machines } = world.get("estate");
    const { signal } = world.options;
    const cold = await plantCopy(world, "fr0zenbyte", () => ({ storageClass: "GLACIER" }));
    const asked = { source: cold.source, backupId: cold.backupId };
    const planned = await runRunbook(sfn, machines["thaw-archive"], asked, PLAN_SECONDS, signal);
    requireSuccess(planned, "the plan");
    const refused = await runRunbook(
      sfn,
      machines.recover,
      { ...asked, mode: "execute" },
      PLAN_SECONDS,
      signal,
    );
    demand(
      refused.cause?.includes("Glacier"),
      `recover from the archive ended ${refused.status}: ${refused.cause}`,
    );
    say("waiting for Glacier");
    const execute = { ...asked, mode: "execute" };
    const thawed = await runRunbook(sfn, machines["thaw-archive"], execute, THAW_SECONDS, signal);
    requireSuccess(thawed, "the thaw");
    const { recovery } = JSON.parse(thawed.output ?? "{}") as { recovery: string };
    const plan = await waitForEnd(sfn, recovery, PLAN_SECONDS, signal);
    requireSuccess(plan, "the recovery's plan");
    demand(plan.output?.includes(cold.backupId), `it plans something else: ${plan.output}`);
    return { plan: JSON.parse(planned.output ?? "{}"), recovery };
  },
};

/** Lifecycle moves nothing here, so the sample needs no wait. */
export const archiveSampleIsProven: Step<World> = {
  name: "A weekly backup is restored as the sample of the quarter, and is what was dumped",
  run: async (world) => {
    await waitUntilIdle(world);
    await playSchedule(world, "rehearsal-weekly", "backup", BACKUP_SECONDS);
    const thawed = await playSchedule(world, "rehearsal-archive-sample", "thaw-archive", THAW_SECONDS);
    const { drill } = JSON.parse(thawed.output ?? "{}") as { drill: string };
    const { sfn } = world.get("clients");
    const proven = await waitForEnd(sfn, drill, DRILL_SECONDS, world.options.signal);
    requireSuccess(proven, "its drill");
    return { drill: JSON.parse(proven.output ?? "{}") };
  },
};

/** As CI does it: by the command line, whose exit code is the verdict. */
export const deployIsSafe: Step<World> = {
  name: "A deployment asks first: every source has a backup of now that was restored and compared",
  run: async (world) => {
    await waitUntilIdle(world);
    const askedAt = Date.now();
    const printed = await world.runCli(["run", "pre-deploy-backup", "--wait", "--json"]);
    const { setKey = "" } = JSON.parse(printed) as { setKey?: string };
    const read = await readRecord(world.get("clients").s3, world.get("estate").vaultBucket, setKey);
    const { state, startedAt, skewSeconds } = read as unknown as SetRecord;
    demand(state === "complete", `the set is ${state}`);
    demand(Date.parse(startedAt) >= askedAt, `the set is of ${startedAt}`);
    return { setKey, skewSeconds };
  },
};
