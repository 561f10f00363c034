import { digestCollection, digestStillCollections } from "../data/oracle.ts";
import type { World } from "../world/world.ts";
import { recoverWhenIdle } from "./recover-when-idle.ts";
import { demand, type Step } from "./step.ts";

const DATABASE = "erp";
const COLLECTION = "customers";
const MARK = "rehearsal";

/** Somebody deletes half of one collection; what it was is put beside it, while the shop is open. */
export const partComesBackBeside: Step<World> = {
  name: "A damaged collection comes back beside the live one, while the app goes on",
  run: async (world) => {
    const mongo = world.get("mongo");
    const half = await mongo.db(DATABASE).collection(COLLECTION).find({}).limit(100).toArray();
    await mongo
      .db(DATABASE)
      .collection(COLLECTION)
      .deleteMany({ _id: { $in: half.map(({ _id }) => _id) } });
    const damaged = await digestStillCollections(mongo);
    const startedAt = new Date();
    const { comparison, scope, safetyBackup } = await recoverWhenIdle(world, {
      source: "mongodb",
      backupId: world.get("firstBackup").backupId,
      scope: { include: [`${DATABASE}.${COLLECTION}`], beside: MARK },
      reason: "rehearsal: half of the customers deleted",
    });
    demand(comparison.outcome === "identical", `the comparison is ${JSON.stringify(comparison)}`);
    demand(safetyBackup === undefined, "something was set aside, though nothing was overwritten");
    const name = `${COLLECTION}_recovered_${MARK}`;
    const digest = await digestCollection(mongo, DATABASE, name);
    const before = world.get("stillDigests")[`${DATABASE}.${COLLECTION}`];
    demand(digest === before, `${name} has digest ${digest}, ${COLLECTION} had ${before}`);
    const after = await digestStillCollections(mongo);
    demand(
      JSON.stringify(after) === JSON.stringify(damaged),
      `live data changed: ${JSON.stringify({ damaged, after })}`,
    );
    const { count } = world.get("prober").refusedSince(startedAt);
    demand(count === 0, `the app refused ${count} connections, though none of its data were changed`);
    return { comparison, scope, digest };
  },
};
