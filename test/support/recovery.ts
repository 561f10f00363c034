import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach } from "vitest";
import type { Host } from "../../lambda/engine/host/host.ts";
import { check } from "../../lambda/engine/jobs/check.ts";
import { claim } from "../../lambda/engine/jobs/claim.ts";
import { drill } from "../../lambda/engine/jobs/drill.ts";
import { dump } from "../../lambda/engine/jobs/dump.ts";
import { record } from "../../lambda/engine/jobs/record.ts";
import { plan } from "../../lambda/engine/jobs/recover/plan.ts";
import { runRecoveryStep } from "../../lambda/engine/jobs/recover/run-step.ts";
import { makeSafetyBackup } from "../../lambda/engine/jobs/recover/safety-backup.ts";
import { parseRecord, recoveryRecordSchema } from "../../lambda/engine/model/records.ts";
import type { RecoveryPlan } from "../../lambda/engine/model/recovery.ts";
import type { Request } from "../../lambda/engine/model/requests.ts";
import type { DumpScope } from "../../lambda/engine/model/scope.ts";
import type { Source } from "../../lambda/engine/sources/source.ts";
import { executionArn, type JobWorld, makeJobWorld, NEVER } from "./job-world.ts";

export const STEPS = [
  "check-backup",
  "stop-app",
  "safety-backup",
  "restore",
  "compare",
  "start-app",
  "health",
] as const;
type StepName = Extract<Request, { failure?: unknown }>["job"] | "safety-backup";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A real HTTP app on the host, which its commands stop and start. */
async function makeHost() {
  const state = { commands: [] as string[], status: 200, exitCode: 0 };
  const server = createServer((_request, response) => {
    response.statusCode = state.status;
    response.end("all is well");
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const host: Host = {
    reach: async () => ({ host: "127.0.0.1", port, [Symbol.asyncDispose]: async () => {} }),
    openProxy: () => Promise.reject(new Error("this test's host has no proxy")),
    run: async (command) => {
      state.commands.push(command);
      return { exitCode: state.exitCode, stdout: "", stderr: "no such service" };
    },
    anew: () => host,
    [Symbol.asyncDispose]: async () => {},
  };
  return { host, state };
}

/** `wrap` makes another source of the fake one. */
export async function backedUpWorld(
  wrap: (source: Source, servers: JobWorld["servers"]) => Source = (source) => source,
) {
  const { host, state } = await makeHost();
  const world = makeJobWorld({
    openHost: async () => host,
    estate: {
      approval: { recover: false, waitMinutes: 60 },
      app: {
        stopCommand: "compose stop app",
        startCommand: "compose start app",
        health: { url: "http://app.test/health", expectStatus: 200, expectBody: "well", timeoutSeconds: 5 },
      },
    },
  });
  const plain = world.services.sourceOf("fake");
  const services = { ...world.services, sourceOf: () => wrap(plain, world.servers) };
  const wrapped: JobWorld = { ...world, services };
  const backup = await backUp(wrapped, "backup-1");
  return { world: wrapped, backup, host: state };
}

export async function backUp(world: JobWorld, name: string, scope?: DumpScope) {
  const execution = { executionArn: executionArn(name), startedAt: world.clock.now().toISOString() };
  const claimed = await claim({ job: "claim", cadence: "manual", execution }, world.services, NEVER);
  if (claimed.outcome !== "claimed") throw new Error(`expected a claim, got ${claimed.outcome}`);
  const { run } = claimed;
  const { backup } = await dump(
    { job: "dump", run: { ...run, ...(scope && { scope }) }, source: "ledger", drillDue: true },
    world.services,
    NEVER,
  );
  await check({ job: "check", backup, drillDue: true }, world.services, NEVER);
  await drill({ job: "drill", backup }, world.services, NEVER);
  world.servers.get("127.0.0.1:1")?.namespaces.clear();
  const results = [{ source: "ledger", state: "verified" as const, backup }];
  await record({ job: "record", run, results }, world.services, NEVER);
  return backup;
}

export const RECOVERY = {
  executionArn: executionArn("recovery-1", "demo-recover"),
  startedAt: "2026-11-23T23:40:00.000Z",
};
export const RESUMED = {
  executionArn: executionArn("recovery-2", "demo-recover"),
  startedAt: "2026-11-23T23:50:00.000Z",
};

export function planned(world: JobWorld, input: unknown, execution = RECOVERY): Promise<RecoveryPlan> {
  return plan({ job: "plan", execution, input }, world.services, NEVER);
}

export function step(
  world: JobWorld,
  job: StepName,
  made: RecoveryPlan,
  execution = RECOVERY,
  failure?: object,
) {
  const request = { job, execution, plan: { ...made }, ...(failure && { failure }) };
  if (job === "safety-backup")
    return makeSafetyBackup({ job, execution, plan: { ...made } }, world.services, NEVER);
  return runRecoveryStep(request as Parameters<typeof runRecoveryStep>[0], world.services, NEVER);
}

export async function readReport(world: JobWorld, key: string) {
  const found = await world.vault.readLatest(key, NEVER);
  return parseRecord(recoveryRecordSchema, found?.bytes ?? Buffer.alloc(0), key);
}

export const failed = (name: string) => ({ step: name, error: "SourceError", cause: "it broke" });
