import type { DescribeExecutionOutput } from "@aws-sdk/client-sfn";
import { expect } from "vitest";
import { listExecutions, waitFor } from "../../../rehearsal/scenario/executions.ts";
import type { EstateWorld, RunInput } from "../../support/estate-world.ts";
import { findBroken, listManifests, listOpenUploads } from "./vault-judge.ts";

const ALERT_WAIT_SECONDS = 30;
const QUIET_SECONDS = 8;

/** The world is there once `beforeAll` has run. */
export type World = () => EstateWorld;

export async function runBackup(world: EstateWorld, input: RunInput): Promise<DescribeExecutionOutput> {
  return world.endOf(await world.startRun(input));
}

/** Runs a backup to its failure: one alert, no new manifest, no open upload. */
export async function expectFailedBackup(
  world: EstateWorld,
  input: RunInput,
  cause: RegExp,
): Promise<DescribeExecutionOutput> {
  const before = await listManifests(world);
  const execution = await runBackup(world, input);
  await expectFailure(world, execution, cause);
  expect(await listManifests(world), "nothing that looks like a backup").toEqual(before);
  expect(await listOpenUploads(world), "uploads that are still open").toEqual([]);
  return execution;
}

/** The execution has failed for that cause, and exactly one alert tells of it. */
export async function expectFailure(
  world: EstateWorld,
  execution: DescribeExecutionOutput,
  cause: RegExp,
): Promise<void> {
  expect(execution).toMatchObject({ status: "FAILED", error: "BackupIncomplete" });
  expect(execution.cause).toMatch(cause);
  await waitForAlert(world, execution.executionArn ?? "");
  expect(world.alerts.of(execution.executionArn ?? "")).toHaveLength(1);
}

export async function waitForAlert(world: EstateWorld, executionArn: string): Promise<void> {
  await waitFor(`the alert of ${executionArn}`, ALERT_WAIT_SECONDS, async () => {
    await world.alerts.receive();
    return world.alerts.of(executionArn).length > 0 ? true : undefined;
  });
}

/** A run without any fault seals one backup whose artifacts are all there. */
export async function expectGoodBackup(world: EstateWorld, input: RunInput): Promise<void> {
  const before = await listManifests(world);
  const execution = await runBackup(world, input);
  expect(execution, `${execution.cause}`).toMatchObject({ status: "SUCCEEDED" });
  const fresh = (await listManifests(world)).slice(before.length);
  expect(fresh).toHaveLength(1);
  expect(await findBroken(world, fresh)).toEqual([]);
}

/** Over all runs there were: who failed has one alert without a secret, who succeeded has none; every manifest holds. */
export async function expectAccountsToBalance(world: EstateWorld): Promise<void> {
  await world.alerts.listen(QUIET_SECONDS);
  const executions = await listExecutions(world.clients.sfn, world.estate.machines.backup);
  const told = executions.map(({ executionArn = "", status }) => ({
    executionArn,
    status,
    alerts: world.alerts.of(executionArn).length,
  }));
  expect(told.length).toBeGreaterThan(0);
  expect(told).toEqual(told.map((one) => ({ ...one, alerts: one.status === "SUCCEEDED" ? 0 : 1 })));
  expect(world.alerts.received, "alerts that speak of no run").toHaveLength(
    told.filter(({ alerts }) => alerts > 0).length,
  );
  expect(JSON.stringify(world.alerts.received)).not.toContain(world.backupUser.password);
  expect(await findBroken(world, await listManifests(world))).toEqual([]);
}
