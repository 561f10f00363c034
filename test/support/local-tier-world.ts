import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHost } from "../../lambda/engine/host/open-host.ts";
import { check } from "../../lambda/engine/jobs/check.ts";
import { claim } from "../../lambda/engine/jobs/claim.ts";
import { dump } from "../../lambda/engine/jobs/dump.ts";
import { copyToHost } from "../../lambda/engine/jobs/local-tier/copy-to-host.ts";
import type { Services } from "../../lambda/engine/jobs/services.ts";
import { sourceOf } from "../../lambda/engine/jobs/world.ts";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import type { CopyToHostAnswer } from "../../lambda/engine/model/local-tier.ts";
import { executionArn, type JobWorld, makeJobWorld, NEVER } from "./job-world.ts";
import { type Sshd, startSshd } from "./sshd.ts";

const DAY_MS = 86_400_000;

/** A host with a folder for copies, and a vault with backups of one source, `ledger`. */
export interface LocalTierWorld extends AsyncDisposable {
  readonly world: JobWorld;
  readonly services: Services;
  /** The folder of the copies of `ledger`. */
  readonly copies: string;
  /** Makes a backup that is verified; the clock goes on by a day before each but the first. */
  backUp(): Promise<string>;
  copy(changes?: Partial<Services>): Promise<CopyToHostAnswer>;
}

export async function startLocalTierWorld(
  source: Estate["sources"][string],
  keep = 2,
): Promise<LocalTierWorld> {
  await using stack = new AsyncDisposableStack();
  const path = await mkdtemp(join(tmpdir(), "backup-estate-tier-"));
  stack.defer(() => rm(path, { recursive: true, force: true }));
  await mkdir(join(path, "backup"));
  const sshd: Sshd = stack.use(await startSshd());
  const world = makeJobWorld({
    sourceOf,
    openHost: (signal) => openHost(sshd.host, sshd.privateKey, signal),
    estate: {
      sources: { ledger: source },
      localTier: { path: join(path, "backup"), keep, schedule: { at: "02:00" } },
    },
  });
  const { services } = world;
  let runs = 0;
  const owned = stack.move();
  return {
    world,
    services,
    copies: join(path, "backup", "ledger"),
    copy: (changes) =>
      copyToHost({ job: "copy-to-host", source: "ledger" }, { ...services, ...changes }, NEVER),
    backUp: async () => {
      if (runs > 0) world.clock.advance(DAY_MS);
      const arn = executionArn(`run-${++runs}`);
      const execution = { executionArn: arn, startedAt: world.clock.now().toISOString() };
      world.executions.set(arn, "running");
      const claimed = await claim({ job: "claim", cadence: "daily", execution }, services, NEVER);
      if (claimed.outcome !== "claimed") throw new Error(`the claim ended ${claimed.outcome}`);
      const request = { job: "dump", run: claimed.run, source: "ledger", drillDue: false } as const;
      const { backup } = await dump(request, services, NEVER);
      await check({ job: "check", backup, drillDue: false }, services, NEVER);
      world.executions.set(arn, "succeeded");
      return backup.backupId;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
