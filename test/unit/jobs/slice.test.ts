import { describe, expect, it } from "vitest";
import { SecretMask } from "../../../lambda/engine/jobs/secret-mask.ts";
import { slice } from "../../../lambda/engine/jobs/slice.ts";
import { takeLease } from "../../../lambda/engine/jobs/slice-lease.ts";
import {
  GAP_TOLD_MS,
  SLICE_LEASE_MS,
  SLICE_READ_LIMIT_MS,
} from "../../../lambda/engine/jobs/slice-limits.ts";
import { Cancelled, VaultError } from "../../../lambda/engine/model/errors.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { serveRole } from "../../../lambda/handlers/serve.ts";
import { listKeys } from "../../support/backup-run.ts";
import { LOG_START } from "../../support/fake-log.ts";
import { makeJobWorld, NEVER } from "../../support/job-world.ts";
import { backUp, planned, RECOVERY } from "../../support/recovery.ts";
import { sealedBy, slicedWorld } from "../../support/sliced-world.ts";

describe("a slice", () => {
  it("begins at the full backup, and the next one where it ended", async () => {
    const { world, backup, write, slice: make } = await slicedWorld();
    write("erp.invoices", "new 1");
    const first = await sealedBy(world, await make());
    write("erp.invoices", "new 2");
    write("erp.customers", "new 3");
    const second = await sealedBy(world, await make());
    expect([first.from?.log, first.to.log]).toEqual([`${LOG_START}:1`, `${LOG_START + 1}:1`]);
    expect([second.from?.log, second.to.log]).toEqual([`${LOG_START + 1}:1`, `${LOG_START + 3}:1`]);
    expect(second).toMatchObject({ type: "slice", cadence: "slice", base: backup.backupId });
    expect(second.endState?.touched).toEqual(["erp.customers", "erp.invoices"]);
    expect(second.artifacts.map(({ key }) => key)).toEqual([
      `data/slice/ledger/${second.backupId}/dump/oplog.bson.zst`,
    ]);
  });

  it("is not sealed when nothing was written, nor without a full backup, nor without a log", async () => {
    const { world, slice: make } = await slicedWorld();
    expect(await make()).toEqual({ outcome: "unchanged" });
    expect(await listKeys(world, "manifests/slice/")).toEqual([]);
    const empty = makeJobWorld();
    const request = { job: "slice", source: "ledger" } as const;
    expect(await slice(request, empty.services, NEVER)).toEqual({ outcome: "no-base" });
  });

  it("lives no longer than its base", async () => {
    const { world, backup, write, slice: make } = await slicedWorld();
    world.clock.advance(5 * 86_400_000);
    write("erp.invoices", "late");
    const sealed = await sealedBy(world, await make());
    const base = await world.vault.readLatest(keys.manifest("manual", "ledger", backup.backupId), NEVER);
    const { lockedUntil } = JSON.parse(Buffer.from(base?.bytes ?? []).toString());
    expect(Date.parse(sealed.lockedUntil)).toBeLessThanOrEqual(Date.parse(lockedUntil));
  });

  it("is cut when it takes too long, and the next one holds the rest", async () => {
    const { world, log, write, slice: make } = await slicedWorld();
    for (const n of [1, 2, 3]) write("erp.invoices", `new ${n}`);
    const slow = { ...world.services, clock: slowClock(world.services.clock, SLICE_READ_LIMIT_MS) };
    const cut = await sealedBy(world, await slice({ job: "slice", source: "ledger" }, slow, NEVER));
    const rest = await sealedBy(world, await make());
    expect(Number(cut.to.log?.split(":")[0])).toBeLessThan(log.now);
    expect(rest.from).toEqual(cut.to);
    expect(rest.to.log).toBe(`${log.now}:1`);
  });

  it("is left out while another one is made, but not for ever", async () => {
    const { world, write, slice: make } = await slicedWorld();
    write("erp.invoices", "new");
    expect(await takeLease("ledger", "another", world.services, NEVER)).toBeUndefined();
    expect(await make()).toEqual({ outcome: "skipped-overlap", by: "another" });
    world.clock.advance(SLICE_LEASE_MS);
    expect(await make()).toMatchObject({ outcome: "sealed" });
    expect(await make()).toEqual({ outcome: "unchanged" });
  });

  it("is left out while a recovery works on the source, and made while a backup does", async () => {
    const { world, write, slice: make } = await slicedWorld();
    write("erp.invoices", "new");
    await planned(world, { mode: "execute" });
    world.executions.set(RECOVERY.executionArn, "running");
    expect(await make()).toEqual({ outcome: "skipped-recovery", by: RECOVERY.executionArn });
    world.executions.set(RECOVERY.executionArn, "failed");
    expect(await make()).toMatchObject({ outcome: "sealed" });
  });
});

describe("a log that rolled over", () => {
  it("fails the slice, seals nothing, and starts one new base an hour however often it is tried", async () => {
    const { world, log, starts, write, slice: make } = await slicedWorld();
    write("erp.invoices", "lost");
    log.oldest = log.now;
    for (const _ of [1, 2])
      await expect(make()).rejects.toMatchObject({ name: "SourceError", code: "OPLOG_GAP" });
    expect(await listKeys(world, "manifests/slice/")).toEqual([]);
    const hour = world.services.clock.now().toISOString().slice(0, 13);
    const name = `oplog-gap-ledger-${LOG_START}-1-${hour}`;
    expect(new Set(starts.map((start) => start.name))).toEqual(new Set([name]));
    expect(starts[0]?.input).toEqual({ cadence: "manual", sources: ["ledger"], trigger: "oplog gap" });
  });

  it("is still told as a gap where the new base cannot be started, with both causes and what to do", async () => {
    const { world, log, write } = await slicedWorld();
    write("erp.invoices", "lost");
    log.oldest = log.now;
    const throttled = new VaultError("UNAVAILABLE", "Step Functions is throttled.");
    const services = { ...world.services, startBackup: () => Promise.reject(throttled) };
    const made = slice({ job: "slice", source: "ledger" }, services, NEVER);
    const error = await made.catch((cause: unknown) => cause);
    expect(error).toMatchObject({ name: "SourceError", code: "OPLOG_GAP" });
    const { message, cause } = error as Error & { cause: AggregateError };
    expect(message).toContain("Step Functions is throttled.");
    expect(message).toContain("start the machine Backup");
    expect(cause.errors).toEqual([expect.objectContaining({ code: "OPLOG_GAP" }), throttled]);
    expect(world.lines.join()).toContain("A new base could not be started");
  });

  it("goes on from a full backup after the gap, once the gap has had the time to become an alert", async () => {
    const { world, log, starts, write, slice: make } = await slicedWorld();
    write("erp.invoices", "1");
    await make();
    write("erp.invoices", "2");
    log.oldest = log.now;
    await backUp(world, "backup-2");
    write("erp.invoices", "3");
    for (const _ of ["first", "asked again"]) {
      await expect(make()).rejects.toMatchObject({ code: "OPLOG_GAP" });
      world.clock.advance(90_000);
    }
    world.clock.advance(GAP_TOLD_MS);
    const healed = await sealedBy(world, await make());
    expect(healed.from?.log).toBe(`${log.now - 1}:1`);
    expect(starts).toEqual([]);
  });

  it("is told once: the base that it started heals it without another failure", async () => {
    const { world, log, starts, write, slice: make } = await slicedWorld();
    write("erp.invoices", "1");
    await make();
    write("erp.invoices", "2");
    log.oldest = log.now;
    await expect(make()).rejects.toMatchObject({ code: "OPLOG_GAP" });
    world.clock.advance(GAP_TOLD_MS);
    await backUp(world, "backup-2");
    write("erp.invoices", "3");
    expect(await make()).toMatchObject({ outcome: "sealed" });
    expect(starts).toHaveLength(1);
  });

  it("is found after an outage of days, too, when only full backups were made", async () => {
    const { world, log, write, slice: make } = await slicedWorld();
    write("erp.invoices", "1");
    await make();
    world.clock.advance(3 * 86_400_000);
    write("erp.invoices", "2");
    const before = log.now;
    await backUp(world, "backup-2");
    write("erp.invoices", "3");
    const late = await sealedBy(world, await make());
    expect(late.from?.log).toBe(`${before - 1}:1`);
    world.clock.advance(3 * 86_400_000);
    log.oldest = log.now;
    write("erp.invoices", "4");
    await backUp(world, "backup-3");
    log.oldest = log.now;
    write("erp.invoices", "5");
    await expect(make()).rejects.toMatchObject({ code: "OPLOG_GAP" });
  });

  it("fails the function itself, with what to do, and has the machine Backup started by then", async () => {
    const { world, log, starts, write } = await slicedWorld();
    write("erp.invoices", "lost");
    log.oldest = log.now;
    const wiring = { services: world.services, mask: new SecretMask() };
    const slicer = serveRole("writer", () => wiring as never);
    const call = slicer({ job: "slice", source: "ledger" }, { getRemainingTimeInMillis: () => 300_000 });
    await expect(call).rejects.toMatchObject({
      name: "SourceError",
      message: expect.stringMatching(/OPLOG_GAP|no longer holds/),
    });
    expect(starts.map(({ input }) => input)).toEqual([
      { cadence: "manual", sources: ["ledger"], trigger: "oplog gap" },
    ]);
  });
});

describe("a slice that is aborted", () => {
  it("gives its lease back, so that the next one does not wait for minutes", async () => {
    const { world, write, slice: make } = await slicedWorld();
    write("erp.invoices", "new");
    const stop = new AbortController();
    const open = world.services.sourceOf;
    const aborting = {
      ...world.services,
      sourceOf: (kind: string) => {
        stop.abort(new Cancelled("ABORTED", "the function's time is up"));
        return open(kind);
      },
    };
    const aborted = slice({ job: "slice", source: "ledger" }, aborting, stop.signal);
    await expect(aborted).rejects.toMatchObject({ name: "Cancelled" });
    expect(await listKeys(world, "manifests/slice/")).toEqual([]);
    expect(await make()).toMatchObject({ outcome: "sealed" });
  });
});

/** Every look takes a part of the time that a slice has. */
function slowClock(clock: { now(): Date }, stepMs: number) {
  let looks = 0;
  return { now: () => new Date(clock.now().getTime() + stepMs * looks++) };
}
