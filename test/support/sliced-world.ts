import type { BackupStart } from "../../lambda/engine/jobs/services.ts";
import { slice } from "../../lambda/engine/jobs/slice.ts";
import { keys } from "../../lambda/engine/model/keys.ts";
import { type Manifest, parseManifest } from "../../lambda/engine/model/manifest.ts";
import type { SliceAnswer } from "../../lambda/engine/model/requests.ts";
import { makeFakeLog, withLog, write } from "./fake-log.ts";
import type { JobWorld } from "./job-world.ts";
import { NEVER } from "./job-world.ts";
import { backedUpWorld } from "./recovery.ts";

const SLICES = {
  schedule: { everyMinutes: 15 },
  retainDays: 2,
  lockDays: 1,
  storage: "standard",
  drill: false,
} as const;

/** A world with one verified full backup of a source that keeps a log, and schedules for slices. */
export async function slicedWorld() {
  const log = makeFakeLog();
  const starts: BackupStart[] = [];
  const made = await backedUpWorld((source, servers) => withLog(source, log, servers));
  const { world } = made;
  const { estate } = world.services;
  const services = {
    ...world.services,
    estate: { ...estate, cadences: { ...estate.cadences, slice: SLICES } },
    startBackup: async (start: BackupStart) => {
      starts.push(start);
    },
  };
  const sliced: JobWorld = { ...world, services };
  const live = world.servers.get("live");
  return {
    ...made,
    world: sliced,
    log,
    starts,
    live,
    write: (namespace: string, record?: string) => write(live, log, namespace, record),
    slice: (signal = NEVER): Promise<SliceAnswer> =>
      slice({ job: "slice", source: "ledger" }, sliced.services, signal),
  };
}

/** The manifest that a slice sealed. */
export async function sealedBy(world: JobWorld, answer: SliceAnswer): Promise<Manifest> {
  if (answer.outcome !== "sealed") throw new Error(`expected a sealed slice, got ${answer.outcome}`);
  const key = keys.manifest("slice", "ledger", answer.backup.backupId);
  const found = await world.vault.readLatest(key, NEVER);
  return parseManifest(found?.bytes ?? Buffer.alloc(0), key);
}
