import { claim } from "../../lambda/engine/jobs/claim.ts";
import { dump } from "../../lambda/engine/jobs/dump.ts";
import { keys } from "../../lambda/engine/model/keys.ts";
import { drillRecordSchema, parseRecord } from "../../lambda/engine/model/records.ts";
import { collect } from "../../lambda/engine/stream/limits.ts";
import { executionArn, type JobWorld, makeJobWorld, NEVER, type WorldChanges } from "./job-world.ts";

export async function claimedWorld(changes: WorldChanges = {}) {
  const world = makeJobWorld(changes);
  const arn = executionArn("run-1");
  world.executions.set(arn, "running");
  const request = {
    job: "claim",
    cadence: "daily",
    execution: { executionArn: arn, startedAt: "2026-11-23T23:30:05.000Z" },
  } as const;
  const answer = await claim(request, world.services, NEVER);
  if (answer.outcome !== "claimed") throw new Error(`expected a claim, got ${answer.outcome}`);
  const dumpRequest = { job: "dump", run: answer.run, source: "ledger", drillDue: true } as const;
  return { world, run: answer.run, dumpRequest };
}

export async function listKeys(world: JobWorld, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of world.vault.list(prefix, NEVER)) found.push(key);
  return found;
}

export async function readDrill(world: JobWorld) {
  const [key = ""] = await listKeys(world, "drills/");
  const found = await world.vault.readLatest(key, NEVER);
  return parseRecord(drillRecordSchema, found?.bytes ?? Buffer.alloc(0), key);
}

export async function sealedWorld(prepare?: (world: JobWorld) => void) {
  const made = await claimedWorld();
  prepare?.(made.world);
  const { backup } = await dump(made.dumpRequest, made.world.services, NEVER);
  return { ...made, backup };
}

export async function firstArtifact(world: JobWorld, backup: { backupId: string }) {
  const found = await world.vault.readLatest(keys.manifest("daily", "ledger", backup.backupId), NEVER);
  const manifest = JSON.parse(Buffer.from(found?.bytes ?? []).toString());
  return manifest.artifacts[0] as { key: string; versionId: string; storedBytes: number };
}

export function readStored(world: JobWorld, artifact: { key: string; versionId: string }): Promise<Buffer> {
  return collect(world.vault.read(artifact, NEVER), 10_000, "the test");
}
