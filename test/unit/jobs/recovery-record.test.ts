import { describe, expect, it } from "vitest";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { executionArn } from "../../support/job-world.ts";
import {
  backedUpWorld,
  failed,
  planned,
  RECOVERY,
  RESUMED,
  readReport,
  step,
} from "../../support/recovery.ts";

const approvedBy = executionArn("yes-1", "demo-approve");
const DAY_MS = 86_400_000;
const asked = { approval: "required" } as const;

describe("the record of a recovery", () => {
  it("names the execution that ran it and the one that approved it", async () => {
    const { world } = await backedUpWorld();
    const made = { ...(await planned(world, { mode: "execute" })), ...asked, approvedBy };
    await step(world, "report", made, RECOVERY, failed("check-backup"));
    expect(await readReport(world, keys.recovery("recovery-1"))).toMatchObject({
      startedBy: RECOVERY.executionArn,
      executionArn: RECOVERY.executionArn,
      approvedBy,
    });
  });

  it("of a run that was resumed names the first execution, its own, and the approval of the first", async () => {
    const { world } = await backedUpWorld();
    const made = { ...(await planned(world, { mode: "execute" })), ...asked, approvedBy };
    await step(world, "check-backup", made);
    await step(world, "report", made, RECOVERY, failed("stop-app"));
    const resumed = await planned(world, { resume: "recovery-1", mode: "execute" }, RESUMED);
    const { recordKey } = (await step(world, "report", resumed, RESUMED)) as { recordKey: string };
    expect(await readReport(world, recordKey)).toMatchObject({
      startedBy: RECOVERY.executionArn,
      executionArn: RESUMED.executionArn,
      approvedBy,
    });
  });

  it.each([
    ["goes on as it was", {}, 0, ["ask-approval", "check-backup"]],
    ["is to overwrite without a safety backup", { safetyBackup: "skip" }, 0, ["check-backup"]],
    ["is to overwrite without room", { space: "ignore" }, 0, ["check-backup"]],
    ["is resumed two days later", {}, 2 * DAY_MS, ["check-backup"]],
  ])(
    "asks again of a resumed run that %s, unless it is what somebody agreed to",
    async (_, rules, laterMs, done) => {
      const { world } = await backedUpWorld();
      const made = { ...(await planned(world, { mode: "execute" })), ...asked, approvedBy };
      await step(world, "check-backup", made);
      await step(world, "report", made, RECOVERY, failed("stop-app"));
      world.clock.advance(laterMs);
      const resumed = await planned(world, { resume: "recovery-1", mode: "execute", ...rules }, RESUMED);
      expect(resumed.doneSteps).toEqual(done);
    },
  );

  it("names who agreed last", async () => {
    const { world } = await backedUpWorld();
    const made = { ...(await planned(world, { mode: "execute" })), ...asked, approvedBy };
    await step(world, "report", made, RECOVERY, failed("check-backup"));
    const resumed = await planned(world, { resume: "recovery-1", mode: "execute" }, RESUMED);
    const again = { ...resumed, ...asked, approvedBy: `${approvedBy}-again` };
    await step(world, "check-backup", again, RESUMED);
    const { recordKey } = (await step(world, "report", again, RESUMED)) as { recordKey: string };
    expect(await readReport(world, recordKey)).toMatchObject({ approvedBy: `${approvedBy}-again` });
  });

  it("names no approver where nobody was asked", async () => {
    const { world } = await backedUpWorld();
    const made = await planned(world, { mode: "execute" });
    await step(world, "report", made, RECOVERY, failed("check-backup"));
    expect(await readReport(world, keys.recovery("recovery-1"))).not.toHaveProperty("approvedBy");
  });
});
