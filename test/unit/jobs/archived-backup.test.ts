import { expect, it } from "vitest";
import { VaultError } from "../../../lambda/engine/model/errors.ts";
import { makeEstate } from "../../support/estate.ts";
import type { JobWorld } from "../../support/job-world.ts";
import { backedUpWorld, planned, step } from "../../support/recovery.ts";

/** S3 gives manifests, which stay, and no data. */
function archive({ vault }: JobWorld) {
  const read = vault.read.bind(vault);
  vault.read = (ref, signal) => {
    if (!ref.key.startsWith("data/")) return read(ref, signal);
    throw new VaultError("ARCHIVED", `Could not read ${ref.key}: InvalidObjectState.`);
  };
}

it("a recovery from a backup in Glacier changes nothing and says both ways out", async () => {
  const { world, backup, host } = await backedUpWorld();
  archive(world);
  const made = await planned(world, { mode: "execute" });
  await expect(step(world, "check-backup", made)).rejects.toMatchObject({
    name: "VaultError",
    code: "ARCHIVED",
    message: expect.stringMatching(
      new RegExp(
        `manual backup ${backup.backupId}.*nothing was changed.*newer backup.*A backup in Glacier.*"backupId":"${backup.backupId}"`,
      ),
    ),
  });
  expect(host.commands).toEqual([]);
});

it("the plan says beforehand that a cadence moves to Glacier, and nothing of it where it does not", async () => {
  const { world } = await backedUpWorld();
  expect((await planned(world, {})).text).not.toContain("Glacier");
  const { manual } = makeEstate().cadences;
  if (manual) Object.assign(world.services.estate.cadences, { manual: { ...manual, storage: "glacier" } });
  expect((await planned(world, {})).text).toContain("Storage: Glacier");
});
