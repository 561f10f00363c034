import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach } from "vitest";
import type { Host } from "../../lambda/engine/host/host.ts";
import { check } from "../../lambda/engine/jobs/check.ts";
import { claim } from "../../lambda/engine/jobs/claim.ts";
import { actOnHost } from "../../lambda/engine/jobs/complete/act-on-host.ts";
import { planAll } from "../../lambda/engine/jobs/complete/plan-all.ts";
import { reachHost } from "../../lambda/engine/jobs/complete/reach-host.ts";
import { reportAll } from "../../lambda/engine/jobs/complete/report-all.ts";
import { drill } from "../../lambda/engine/jobs/drill.ts";
import { dump } from "../../lambda/engine/jobs/dump.ts";
import { record } from "../../lambda/engine/jobs/record.ts";
import { runRecoveryStep } from "../../lambda/engine/jobs/recover/run-step.ts";
import { makeSafetyBackup } from "../../lambda/engine/jobs/recover/safety-backup.ts";
import type { RecoveryStage } from "../../lambda/engine/model/backup-set.ts";
import { completeRecoveryRecordSchema } from "../../lambda/engine/model/complete-record.ts";
import type {
  CompletePlan,
  CompletePurpose,
  HostAction,
} from "../../lambda/engine/model/complete-recovery.ts";
import { SourceError } from "../../lambda/engine/model/errors.ts";
import type { Estate, EstateHost } from "../../lambda/engine/model/estate.ts";
import { parseRecord } from "../../lambda/engine/model/records.ts";
import type { Source } from "../../lambda/engine/sources/source.ts";
import { type FakeServer, fakeServer, fakeSource } from "./fake-source.ts";
import { executionArn, type JobWorld, makeJobWorld, NEVER } from "./job-world.ts";

const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI";
export const NEW_HOST = { address: "203.0.113.7", hostKey: HOST_KEY };
export const DRILL_HOST = { address: "203.0.113.9", port: 22, user: "backup", hostKey: HOST_KEY };
const STAGES: Record<string, RecoveryStage> = {
  settings: "configuration",
  ledger: "databases",
  journal: "databases",
  exports: "application",
};
export const SOURCES = Object.keys(STAGES);

/** How a source of this world finds out on which host it is. */
const WHERE = "hostname";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

export interface CompleteWorld extends JobWorld {
  /** `<address>: <command>`, in their order, of every host. */
  readonly commands: string[];
  /** Addresses that do not answer, and how often they still will not. */
  readonly silent: Map<string, number>;
  /** What a source holds at a host: records by namespace. */
  at(address: string, source: string): FakeServer;
}

/** Four sources of three stages on a host that has an app, and other machines, empty, that could take its place. */
export async function completeWorld(estate: Partial<Estate> = {}): Promise<CompleteWorld> {
  const commands: string[] = [];
  const silent = new Map<string, number>();
  const port = await startApp();
  const own = new Map<string, FakeServer>([["127.0.0.1:1", fakeServer()]]);
  const openHost = async (_signal: AbortSignal, instead?: EstateHost) => {
    return makeHost(instead?.address ?? "own", port, commands, silent);
  };
  const fake = fakeSource(own) as Source;
  const sourceOf = (kind: string): Source => ({
    ...fake,
    kind,
    needs: { ...fake.needs, stage: STAGES[kind] ?? "databases", keepsLog: false },
    open: async (config, context, purpose) => {
      const { server } = config as { server: string };
      // The server of a drill has an address of its own.
      if (server.includes(":")) return await fake.open({ server }, context, purpose);
      const { stdout: address } = await context.host.run(WHERE, NEVER);
      return await fake.open({ server: `${address}/${server}` }, context, purpose);
    },
  });
  for (const address of ["own", NEW_HOST.address, DRILL_HOST.address])
    for (const source of SOURCES)
      own.set(`${address}/${source}`, fakeServer(address === "own" ? { [`${source}.a`]: ["1", "2"] } : {}));
  const world = makeJobWorld({
    sourceOf,
    openHost,
    estate: {
      sources: Object.fromEntries(
        SOURCES.map((name) => [name, { kind: name, compute: "lambda" as const, config: { server: name } }]),
      ),
      approval: { recover: false, waitMinutes: 60 },
      app: {
        stopCommand: "compose stop app",
        startCommand: "compose start app",
        createCommand: "compose up app",
        servicesCommand: "compose up databases",
        health: { url: "http://127.0.0.1:8080/health", expectStatus: 200, timeoutSeconds: 5 },
      },
      ...estate,
    },
  });
  const at = (address: string, source: string) => {
    const found = own.get(`${address}/${source}`);
    if (found === undefined) throw new Error(`no ${source} at ${address}`);
    return found;
  };
  return { ...world, servers: own, commands, silent, at };
}

async function startApp(): Promise<number> {
  const server = createServer((_request, response) => response.end("all is well"));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

function makeHost(address: string, port: number, commands: string[], silent: Map<string, number>): Host {
  const host: Host = {
    reach: async () => ({ host: "127.0.0.1", port, [Symbol.asyncDispose]: async () => {} }),
    openProxy: () => Promise.reject(new Error("this test's host has no proxy")),
    run: async (command) => {
      if (command === WHERE) return { exitCode: 0, stdout: address, stderr: "" };
      commands.push(`${address}: ${command}`);
      return { exitCode: 0, stdout: "", stderr: "" };
    },
    files: async () => {
      const left = silent.get(address) ?? 0;
      if (left === 0) return {} as never;
      silent.set(address, left - 1);
      throw new SourceError("UNREACHABLE", `${address} does not answer. Start it.`);
    },
    anew: () => host,
    [Symbol.asyncDispose]: async () => {},
  };
  return host;
}

/** One set of every source, checked and drilled. */
export async function backUpAll(world: JobWorld, name: string) {
  const execution = { executionArn: executionArn(name), startedAt: world.clock.now().toISOString() };
  const claimed = await claim({ job: "claim", cadence: "manual", execution }, world.services, NEVER);
  if (claimed.outcome !== "claimed") throw new Error(`expected a claim, got ${claimed.outcome}`);
  const results = [];
  for (const { source } of claimed.sources) {
    const request = { job: "dump", run: claimed.run, source, drillDue: true } as const;
    const { backup } = await dump(request, world.services, NEVER);
    await check({ job: "check", backup, drillDue: true }, world.services, NEVER);
    world.servers.get("127.0.0.1:1")?.namespaces.clear();
    await drill({ job: "drill", backup }, world.services, NEVER);
    results.push({ source, state: "verified" as const, backup });
  }
  await record({ job: "record", run: claimed.run, results }, world.services, NEVER);
  return claimed.run.setId;
}

export const LOST = {
  executionArn: executionArn("lost-1", "demo-complete-disaster-recovery"),
  startedAt: "2026-11-23T23:40:00.000Z",
};
export const AGAIN = {
  executionArn: executionArn("lost-2", "demo-complete-disaster-recovery"),
  startedAt: "2026-11-23T23:50:00.000Z",
};

export function plannedAll(
  world: JobWorld,
  input: unknown,
  execution = LOST,
  purpose: CompletePurpose = "recovery",
): Promise<CompletePlan> {
  return planAll({ job: "plan-all", purpose, execution, input }, world.services, NEVER);
}

export const reached = (world: JobWorld, plan: CompletePlan, approved?: object, execution = LOST) =>
  reachHost(
    {
      job: "reach-host",
      execution,
      plan: { runId: plan.runId },
      ...(approved && { approved: approved as never }),
    },
    world.services,
    NEVER,
  );

export const act = (world: JobWorld, plan: CompletePlan, action: HostAction, execution = LOST) =>
  actOnHost({ job: "act-on-host", action, execution, plan: { runId: plan.runId } }, world.services, NEVER);

export async function ofSource(
  world: JobWorld,
  plan: CompletePlan,
  source: string,
  job: "check-backup" | "safety-backup" | "restore" | "compare",
  execution = LOST,
) {
  const own = plan.sources.find((one) => one.source === source);
  if (own === undefined) throw new Error(`the plan has no ${source}`);
  return job === "safety-backup"
    ? await makeSafetyBackup({ job, execution, plan: { ...own } }, world.services, NEVER)
    : await runRecoveryStep({ job, execution, plan: { ...own } }, world.services, NEVER);
}

/** What the machine does when all goes well, as far as `until`. */
export async function recoverAll(world: JobWorld, plan: CompletePlan, execution = LOST) {
  const { stopsApp } = await reached(world, plan, undefined, execution);
  for (const source of SOURCES) await ofSource(world, plan, source, "check-backup", execution);
  if (stopsApp) await act(world, plan, "stop-app", execution);
  const stages = [["settings"], ["ledger", "journal"], ["exports"]];
  for (const [index, stage] of stages.entries()) {
    if (index === 1) await act(world, plan, "start-services", execution);
    if (index === 2)
      for (const action of ["start-app", "health"] as const) await act(world, plan, action, execution);
    for (const source of stage) {
      if (plan.sources.find((one) => one.source === source)?.safetyBackup === "make")
        await ofSource(world, plan, source, "safety-backup", execution);
      for (const job of ["restore", "compare"] as const) await ofSource(world, plan, source, job, execution);
    }
  }
}

export const reported = (world: JobWorld, plan: CompletePlan, execution = LOST, failure?: object) =>
  reportAll(
    {
      job: "report-all",
      execution,
      plan: { runId: plan.runId },
      ...(failure && { failure: failure as never }),
    },
    world.services,
    NEVER,
  );

export async function readCompleteRecord(world: JobWorld, key: string) {
  const found = await world.vault.readLatest(key, NEVER);
  return parseRecord(completeRecoveryRecordSchema, found?.bytes ?? Buffer.alloc(0), key);
}

/** What every source holds at a host. */
export const contentsAt = (world: CompleteWorld, address: string) =>
  Object.fromEntries(SOURCES.map((source) => [source, [...world.at(address, source).namespaces]]));
