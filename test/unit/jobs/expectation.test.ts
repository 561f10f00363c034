import { expect, it } from "vitest";
import { expectSeconds } from "../../../lambda/engine/jobs/recover/expectation.ts";
import { FULL_CADENCES } from "../../../lambda/engine/model/cadence.ts";
import { findBackup } from "../../../lambda/engine/vault/catalog-reader.ts";
import { NEVER } from "../../support/job-world.ts";
import { backedUpWorld, backUp } from "../../support/recovery.ts";

const SLOW_MS = 60_000;

it("what a recovery will take is not told by the drill of a part, however new it is", async () => {
  const { world, backup } = await backedUpWorld();
  const drillServer = world.servers.get("127.0.0.1:1");
  if (drillServer === undefined) throw new Error("there is no drill server");
  drillServer.onWrite = (record) => {
    world.clock.advance(SLOW_MS);
    return record;
  };
  const part = await backUp(world, "part-1", { include: ["erp.customers"] });
  const read = async (backupId: string) => {
    const query = { source: "ledger", cadences: FULL_CADENCES, backupId };
    const found = await findBackup(world.services.vault, query, NEVER);
    if (found === undefined) throw new Error(`there is no backup ${backupId}`);
    return found;
  };
  const whole = await read(backup.backupId);
  expect(await expectSeconds(await read(part.backupId), world.services, NEVER)).toBeGreaterThan(60);
  expect(await expectSeconds({ ...whole, drills: [] }, world.services, NEVER)).toBe(1);
});
