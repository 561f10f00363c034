import { expect, it } from "vitest";
import { makeSafetyBackup } from "../../../lambda/engine/jobs/recover/safety-backup.ts";
import { NEVER } from "../../support/job-world.ts";
import { backedUpWorld, planned, RECOVERY, step } from "../../support/recovery.ts";

const EXECUTE = { mode: "execute" } as const;

// As of a prefix of a bucket: the namespace is the bucket, and the pattern fits keys in it.
it("sets a part aside, too, where its patterns mean what lies below the names of the target", async () => {
  const { world } = await backedUpWorld();
  const source = world.services.sourceOf("fake");
  const { scopes } = source;
  if (scopes === undefined) throw new Error("the fake source has scopes");
  const planRestore: typeof scopes.planRestore = (manifest, _scope, ...more) => ({
    ...scopes.planRestore(manifest, { include: ["erp.invoices"] }, ...more),
    isTarget: (name) => name === "erp.invoices",
  });
  const below = { ...source, scopes: { ...scopes, planRestore } };
  const changed = { ...world, services: { ...world.services, sourceOf: () => below } };
  const scope = { include: ["erp.invoices/2026/*"] };
  const plan = await planned(changed, { ...EXECUTE, scope, guard: "replace" });
  for (const job of ["check-backup", "stop-app"] as const) await step(changed, job, plan);
  const request = { job: "safety-backup", execution: RECOVERY, plan: { ...plan } } as const;
  expect(await makeSafetyBackup(request, changed.services, NEVER)).toMatchObject({ outcome: "sealed" });
});
