import { expect, it } from "vitest";
import { dump } from "../../../lambda/engine/jobs/dump.ts";
import { record } from "../../../lambda/engine/jobs/record.ts";
import { type Backup, judgeBackup } from "../../../lambda/engine/model/catalog.ts";
import { findBackup } from "../../../lambda/engine/vault/catalog-reader.ts";
import { claimedWorld } from "../../support/backup-run.ts";
import { NEVER } from "../../support/job-world.ts";
import { planned, step } from "../../support/recovery.ts";

it("the check of a recovery does not make a backup verified whose due drill never ran", async () => {
  const { world, run, dumpRequest } = await claimedWorld();
  const { backup } = await dump(dumpRequest, world.services, NEVER);
  const failure = {
    source: "ledger",
    state: "failed",
    step: "check",
    error: "VaultError",
    cause: "busy",
  } as const;
  await record({ job: "record", run, results: [failure] }, world.services, NEVER);
  const standing = async () => {
    const query = { source: "ledger", cadences: ["daily"], backupId: backup.backupId } as const;
    return judgeBackup((await findBackup(world.vault, query, NEVER)) as Backup);
  };
  expect(await standing()).toBe("unchecked");
  const made = await planned(world, { mode: "execute", backupId: backup.backupId });
  await step(world, "check-backup", made);
  expect(await standing()).toBe("unproven");
});
