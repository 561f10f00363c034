import { GetObjectCommand } from "@aws-sdk/client-s3";
import { StopExecutionCommand } from "@aws-sdk/client-sfn";
import { expect, it } from "vitest";
import type { EstateWorld } from "../../support/estate-world.ts";
import { expectGoodBackup, type World, waitForAlert } from "./expectations.ts";
import { holdUploads } from "./hold-uploads.ts";
import { listManifests } from "./vault-judge.ts";

/** Runs that meet each other: only one of them may back up. */
export function claimFaults(given: World): void {
  it("makes one backup of a slot that is delivered twice, and both runs succeed", async () => {
    const world = given();
    const before = await listManifests(world);
    const slot = new Date().toISOString();
    const start = () => world.startRun({ cadence: "weekly", slot });
    const arns = await Promise.all([start(), start()]);
    const ended = await Promise.all(arns.map(world.endOf));
    const later = await world.endOf(await start());
    expect([...ended, later].map(({ status }) => status)).toEqual(["SUCCEEDED", "SUCCEEDED", "SUCCEEDED"]);
    const outcomes = [...ended, later].map(({ output = "{}" }) => JSON.parse(output).outcome);
    expect(outcomes.filter((outcome) => outcome === "already-claimed")).toHaveLength(2);
    expect(outcomes[2]).toBe("already-claimed");
    expect(await listManifests(world)).toHaveLength(before.length + 1);
  });

  it("skips a run that would overlap another, records that, and succeeds", async () => {
    const world = given();
    const before = await listManifests(world);
    using uploads = holdUploads(world);
    const first = await world.startRun({ cadence: "weekly" });
    await uploads.begun();
    const second = await world.endOf(await world.startRun({ cadence: "weekly" }));
    expect(second.status).toBe("SUCCEEDED");
    const skipped = { outcome: "skipped-overlap", by: first };
    expect(JSON.parse(second.output ?? "{}")).toMatchObject(skipped);
    expect(await readClaim(world, second.executionArn ?? "")).toMatchObject(skipped);
    uploads.release();
    expect(await world.endOf(first)).toMatchObject({ status: "SUCCEEDED" });
    expect(await listManifests(world)).toHaveLength(before.length + 1);
  });

  it("takes over the claim of a run that was stopped in the middle, whose worker seals nothing", async () => {
    const world = given();
    const before = await listManifests(world);
    using uploads = holdUploads(world);
    const stopped = await world.startRun({ cadence: "weekly" });
    await uploads.begun();
    const dying = world.agent.running.map((task) => task.finished);
    await world.clients.sfn.send(new StopExecutionCommand({ executionArn: stopped }));
    uploads.release();
    await expectGoodBackup(world, { cadence: "weekly" });
    await Promise.all(dying);
    expect(dying).toHaveLength(1);
    expect(await listManifests(world)).toHaveLength(before.length + 1);
    await waitForAlert(world, stopped);
    expect(world.alerts.of(stopped)).toHaveLength(1);
  });
}

async function readClaim({ clients, estate }: EstateWorld, executionArn: string): Promise<unknown> {
  const key = `runs/${executionArn.split(":").at(-1)}/claim.json`;
  const { Body: body } = await clients.s3.send(
    new GetObjectCommand({ Bucket: estate.stateBucket, Key: key }),
  );
  return JSON.parse((await body?.transformToString()) ?? "null");
}
