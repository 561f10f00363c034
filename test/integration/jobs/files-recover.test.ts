import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openHost } from "../../../lambda/engine/host/open-host.ts";
import { sourceOf } from "../../../lambda/engine/jobs/world.ts";
import { makeRecoverableWorld } from "../../support/part-world.ts";
import { type Sshd, startSshd } from "../../support/sshd.ts";
import { judgeTree } from "../../support/tree-oracle.ts";

const DAY_MS = 86_400_000;
const REPORT = "2026/report.txt";
const OLD = new Date("2025-01-01T00:00:00Z");
let sshd: Sshd;
let folder: string;
const tree = (...path: string[]) => join(folder, "uploads", ...path);

beforeAll(async () => {
  sshd = await startSshd();
});
afterAll(() => sshd?.[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "backup-estate-recover-"));
  return () => rm(folder, { recursive: true, force: true });
});

async function write(path: string, content: string, day: number): Promise<void> {
  await mkdir(dirname(tree(path)), { recursive: true });
  await writeFile(tree(path), content);
  const at = new Date(OLD.getTime() + day * DAY_MS);
  await utimes(tree(path), at, at);
}

/** Without folders: the time of one tells that a file was put into it. */
function filesOf(judged: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(judged).filter(([, facts]) => facts.startsWith("f")));
}

/** Backups of three days: what the tree was on each, and a moment of that day. */
async function threeDays() {
  const config = sourceOf("files").config.parse({ folders: { uploads: tree() } }) as never;
  const world = makeRecoverableWorld("uploads", {
    sourceOf,
    openHost: (signal) => openHost(sshd.host, sshd.privateKey, signal),
    estate: { sources: { uploads: { kind: "files", compute: "fargate", config } } },
  });
  const days: { backupId: string; judged: Record<string, string>; noon: string }[] = [];
  for (const day of [1, 2, 3]) {
    await write("2026/report.txt", `as it was on day ${day}`, day);
    await write("2026/kept.txt", "kept", 0);
    await write(`only-on-day-${day}.txt`, "new", day);
    if (day > 1) await rm(tree(`only-on-day-${day - 1}.txt`));
    await utimes(tree("2026"), OLD, OLD);
    const { backupId } = await world.backUp();
    world.clock.advance(DAY_MS / 2);
    days.push({ backupId, judged: await judgeTree(tree()), noon: world.clock.now().toISOString() });
    world.clock.advance(DAY_MS / 2);
  }
  return { world, days };
}

describe("uploads as they were at a date", () => {
  it("come back whole, by the backup of that day, and nothing of a later one stays", async () => {
    const { world, days } = await threeDays();
    const { report } = await world.recover({ moment: days[1]?.noon });
    expect(await judgeTree(tree())).toEqual(days[1]?.judged);
    expect(report.comparison.outcome).toBe("identical");
    await world.recover({ backupId: report.safetyBackup?.backupId });
    expect(await judgeTree(tree())).toEqual(days[2]?.judged);
  });

  it("come back as one file or one folder, and the rest stays as it is today", async () => {
    const { world, days } = await threeDays();
    const [first = {}, second = {}, today = {}] = days.map(({ judged }) => filesOf(judged));
    await world.recover({ moment: days[0]?.noon, scope: { include: ["uploads/2026/report.txt"] } });
    expect(filesOf(await judgeTree(tree()))).toEqual({ ...today, [REPORT]: first[REPORT] });
    await rm(tree("2026"), { recursive: true });
    await world.recover({ moment: days[1]?.noon, scope: { include: ["uploads/2026"] } });
    expect(filesOf(await judgeTree(tree()))).toEqual({ ...today, [REPORT]: second[REPORT] });
  });

  it("come back beside the live ones, which stay as they are", async () => {
    const { world, days } = await threeDays();
    await world.recover({ moment: days[0]?.noon, scope: { beside: "monday" } });
    expect(await judgeTree(tree())).toEqual(days[2]?.judged);
    expect(await judgeTree(`${tree()}_recovered_monday`)).toEqual(days[0]?.judged);
  });

  it("of a date before the first backup, or before the one that is named, are refused, and nothing is changed", async () => {
    const { world, days } = await threeDays();
    const refused = { name: "RefusedError", code: "MOMENT_OUT_OF_REACH" };
    await expect(world.recover({ moment: "2020-01-01T00:00:00Z" })).rejects.toMatchObject(refused);
    const later = { moment: days[0]?.noon, backupId: days[1]?.backupId };
    await expect(world.recover(later)).rejects.toMatchObject(refused);
    expect(await judgeTree(tree())).toEqual(days[2]?.judged);
  });
});
