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

  it("names no approver where nobody was asked", async () => {
    const { world } = await backedUpWorld();
    const made = await planned(world, { mode: "execute" });
    await step(world, "report", made, RECOVERY, failed("check-backup"));
    expect(await readReport(world, keys.recovery("recovery-1"))).not.toHaveProperty("approvedBy");
  });
});
