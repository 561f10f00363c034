import { describe, expect, it } from "vitest";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { LOG_START } from "../../support/fake-log.ts";
import { backUp, planned, RESUMED, readReport, STEPS, step } from "../../support/recovery.ts";
import { sealedBy, slicedWorld } from "../../support/sliced-world.ts";

const EXECUTE = { mode: "execute" } as const;

/** A full backup; two slices with two entries each; then a third one with a write, a drop, and a write. */
async function historyWorld() {
  const made = await slicedWorld();
  for (const n of [1, 2, 3, 4]) {
    made.write("erp.invoices", `new ${n}`);
    if (n % 2 === 0) await made.slice();
  }
  return made;
}

async function withDrop() {
  const made = await historyWorld();
  made.write("erp.invoices", "new 5");
  made.write("erp.customers");
  made.write("erp.invoices", "new 7");
  await made.slice();
  return made;
}

const newRecords = (records: readonly string[] | undefined) =>
  records?.filter((record) => record.startsWith("new")).length;

async function execute(made: Awaited<ReturnType<typeof slicedWorld>>, input: object) {
  const { world, live } = made;
  const plan = await planned(world, { ...EXECUTE, ...input });
  live?.namespaces.clear();
  const answers = new Map<string, unknown>();
  for (const job of STEPS) answers.set(job, await step(world, job, plan));
  await step(world, "report", plan);
  return { plan, answers, report: await readReport(world, keys.recovery("recovery-1")) };
}

describe("a recovery with slices", () => {
  it("goes to the end of the newest slice when nothing is named, and the record says so", async () => {
    const made = await historyWorld();
    const { plan, report, answers } = await execute(made, {});
    expect(newRecords(made.live?.namespaces.get("erp.invoices"))).toBe(4);
    expect(plan).toMatchObject({ slices: 2, moment: `${LOG_START + 4}:1`, backup: made.backup });
    expect(plan.text).toContain(`Slices: 2, replayed from`);
    expect(report).toMatchObject({ recoversTo: plan.recoversTo, moment: `${LOG_START + 4}:1`, slices: 2 });
    expect(Date.parse(report.recoversTo)).toBe((LOG_START + 4) * 1000);
    expect(answers.get("compare")).toMatchObject({ outcome: "replayed", checkedNamespaces: 2 });
  });

  it.each([1, 2, 3])("goes to the entry that is named, here number %i", async (n) => {
    const made = await historyWorld();
    await execute(made, { moment: `${LOG_START + n}:1` });
    expect(newRecords(made.live?.namespaces.get("erp.invoices"))).toBe(n);
  });

  it("goes to the end of the second before a time that is named", async () => {
    const made = await historyWorld();
    await execute(made, { moment: new Date((LOG_START + 3) * 1000).toISOString() });
    expect(newRecords(made.live?.namespaces.get("erp.invoices"))).toBe(2);
  });

  it("leaves slices out when a backup is named without a moment", async () => {
    const made = await historyWorld();
    const { plan } = await execute(made, { backupId: made.backup.backupId });
    expect(plan.slices).toBe(0);
    expect(plan).not.toHaveProperty("moment");
    expect(newRecords(made.live?.namespaces.get("erp.invoices"))).toBe(0);
  });

  it("finds a namespace that no slice touches, and that is not what it was", async () => {
    const made = await historyWorld();
    const plan = await planned(made.world, EXECUTE);
    made.live?.namespaces.clear();
    for (const job of ["check-backup", "stop-app", "restore"] as const) await step(made.world, job, plan);
    made.live?.namespaces.set("erp.customers", ["somebody else"]);
    await expect(step(made.world, "compare", plan)).rejects.toMatchObject({ code: "FINGERPRINT_DIFFERS" });
  });

  it("changes nothing when a slice is damaged, and the next recovery ends before it", async () => {
    const made = await slicedWorld();
    made.write("erp.invoices", "new 1");
    await made.slice();
    made.write("erp.invoices", "new 2");
    const damaged = await sealedBy(made.world, await made.slice());
    const [artifact] = damaged.artifacts;
    if (artifact === undefined) throw new Error("the slice has no artifact");
    made.world.vault.corrupt(artifact, (bytes) => bytes.fill(bytes.length, 8, 9));
    const plan = await planned(made.world, EXECUTE);
    expect(plan.slices).toBe(2);
    await expect(step(made.world, "check-backup", plan)).rejects.toMatchObject({ name: "IntegrityError" });
    expect(newRecords(made.live?.namespaces.get("erp.invoices"))).toBe(2);
    expect(await planned(made.world, {}, RESUMED)).toMatchObject({ slices: 1 });
  });
});

describe("changes of users in the slices", () => {
  it("are not replayed, and the plan says so", async () => {
    const made = await historyWorld();
    expect((await planned(made.world, {})).text).not.toContain("NOT REPLAYED");
    made.write("admin.system.users", "somebody new");
    await made.slice();
    expect((await planned(made.world, {})).text).toContain("NOT REPLAYED: changes of admin.system.users");
  });
});

describe("a moment that cannot be reached", () => {
  it.each([
    ["after the last slice", `${LOG_START + 5}:1`],
    ["before the backup", `${LOG_START - 1}:1`],
  ])("is refused with the window that can: %s", async (_, moment) => {
    const { world } = await historyWorld();
    const planning = planned(world, { ...EXECUTE, moment });
    await expect(planning).rejects.toMatchObject({ code: "MOMENT_OUT_OF_REACH" });
    const { message } = (await planning.catch((error: unknown) => error)) as Error;
    expect(message).toContain(`(${LOG_START}:1)`);
    expect(message).toContain(`(${LOG_START + 4}:1)`);
  });

  it("is a fault of the input when it is no moment", async () => {
    const { world } = await historyWorld();
    await expect(planned(world, { moment: "yesterday" })).rejects.toMatchObject({
      code: "INPUT_INVALID",
      message: expect.stringContaining('moment: got "yesterday"'),
    });
    await expect(planned(world, { resume: "x", moment: "1:1" })).rejects.toMatchObject({
      message: expect.stringContaining(
        "leave `source`, `backupId`, `moment`, `scope`, `target`, `guard`, `host` out",
      ),
    });
  });
});

describe("a drop in the newest slices", () => {
  const before = `${LOG_START + 6}:0`;

  it("is not done again by a recovery without a moment: it is refused, and told where to stop", async () => {
    const { world } = await withDrop();
    const planning = planned(world, EXECUTE);
    await expect(planning).rejects.toMatchObject({ name: "RefusedError", code: "WOULD_DROP_AGAIN" });
    const { message } = (await planning.catch((error: unknown) => error)) as Error;
    expect(message).toContain("drop erp.customers");
    expect(message).toContain(`"moment":"${before}"`);
    expect(message).toContain(`"moment":"${LOG_START + 7}:1"`);
  });

  it("is where a plan without a moment stops, and it says so", async () => {
    const { world } = await withDrop();
    const plan = await planned(world, {});
    expect(plan.moment).toBe(before);
    expect(plan.text).toContain(`Stops before drop erp.customers`);
  });

  it("comes back, just before it, with all that was written until then", async () => {
    const made = await withDrop();
    await execute(made, { moment: before });
    expect(made.live?.namespaces.get("erp.customers")).toEqual(["customer 1"]);
    expect(newRecords(made.live?.namespaces.get("erp.invoices"))).toBe(5);
  });

  it("is done again when the moment after it is named, and the plan warns of it", async () => {
    const made = await withDrop();
    const { plan } = await execute(made, { moment: `${LOG_START + 7}:1` });
    expect(plan.text).toContain("WARNING: replays drop erp.customers");
    expect(made.live?.namespaces.has("erp.customers")).toBe(false);
  });
});

describe("a drop in the newest slices, of what is not asked for", () => {
  it("stops no recovery of another part; of that part it does", async () => {
    const made = await withDrop();
    const { plan } = await execute(made, { scope: { include: ["erp.invoices"] } });
    expect(plan).toMatchObject({ moment: `${LOG_START + 7}:1`, slices: 3 });
    expect(plan.text).not.toContain("replays drop");
    const other = { ...EXECUTE, scope: { include: ["erp.customers"] } };
    await expect(planned(made.world, other, RESUMED)).rejects.toMatchObject({ code: "WOULD_DROP_AGAIN" });
  });
});

describe("a time, which is a guess", () => {
  const late = new Date((LOG_START + 7) * 1000).toISOString();

  it("that comes after a drop is refused, and the entry on either side of it is named", async () => {
    const made = await withDrop();
    const planning = planned(made.world, { ...EXECUTE, moment: late });
    await expect(planning).rejects.toMatchObject({ code: "WOULD_DROP_AGAIN" });
    const { message } = (await planning.catch((error: unknown) => error)) as Error;
    expect(message).toContain(`"moment":"${LOG_START + 6}:0"`);
    expect(message).toContain(`"moment":"${LOG_START + 7}:0"`);
    await execute(made, { moment: `${LOG_START + 7}:0` });
    expect(made.live?.namespaces.has("erp.customers")).toBe(false);
  });

  it("is planned all the same, with a warning, and executed where no drop lies before it", async () => {
    const made = await withDrop();
    expect((await planned(made.world, { moment: late })).text).toContain("WARNING: replays drop");
    await execute(made, { moment: new Date((LOG_START + 6) * 1000).toISOString() });
    expect(made.live?.namespaces.get("erp.customers")).toEqual(["customer 1"]);
  });

  it("without a zone is a fault of the input, and the text shows how it is told", async () => {
    const { world } = await historyWorld();
    await expect(planned(world, { moment: "2026-11-24T02:00:07" })).rejects.toMatchObject({
      code: "INPUT_INVALID",
      message: expect.stringContaining("2026-11-24T03:59:59+02:00"),
    });
  });
});

describe("a moment that would be reached from a backup of ruins", () => {
  it("is refused in execute, however it is named, unless the backup is named beside it", async () => {
    const made = await slicedWorld();
    made.world.clock.advance(3_600_000);
    made.live?.namespaces.delete("erp.invoices");
    made.write("erp.customers", "late");
    const ruins = await backUp(made.world, "ruins");
    made.write("erp.customers", "later");
    await made.slice();
    const moment = `${LOG_START + 2}:1`;
    const planning = planned(made.world, { ...EXECUTE, moment });
    await expect(planning).rejects.toMatchObject({
      code: "BACKUP_SHRUNK",
      message: expect.stringContaining("name it beside the moment"),
    });
    const knowing = await planned(made.world, { ...EXECUTE, moment, backupId: ruins.backupId });
    expect(knowing).toMatchObject({ moment, backup: ruins });
    expect(knowing.text).toContain("WARNING: this may be a backup of the ruins");
  });
});
