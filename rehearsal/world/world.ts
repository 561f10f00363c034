import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MongoClient } from "mongodb";
import type { Agent } from "../agent/agent.ts";
import type { LocalAws } from "../aws/local-aws.ts";
import type { RegionGate } from "../aws/region-gate.ts";
import type { ErpSize } from "../data/erp.ts";
import type { Writer } from "../data/writer.ts";
import type { Prober } from "../host/prober.ts";
import type { Findings } from "../report/report.ts";
import type { ManifestRecord, RecoveryRecord } from "../scenario/records.ts";
import type { Alerts } from "./alerts.ts";
import { runCli } from "./cli.ts";
import type { Clients } from "./clients.ts";
import type { Company } from "./company.ts";
import type { DeployedEstate } from "./estate.ts";

export interface WorldOptions {
  readonly size: ErpSize;
  readonly seed: number;
  /** Sources beside those of the core. */
  readonly has: "core" | "everything";
  readonly signal: AbortSignal;
}

/** What comes into being while the scenario goes on; each is set once, by the step that makes it. */
export interface WorldParts {
  folder: string;
  aws: LocalAws;
  clients: Clients;
  company: Company;
  mongo: MongoClient;
  prober: Prober;
  writer: Writer;
  /** Path of the `estate.yaml` that was deployed. */
  estateFile: string;
  estate: DeployedEstate;
  alerts: Alerts;
  /** Runs the tasks of the first Region. */
  agent: Agent;
  /** The way to AWS on which that Region is lost, and the other Region by that way. */
  gate: RegionGate;
  standbyAws: LocalAws;
  /** What took the lost server's place, as a recovery is told of it. */
  newHost: { readonly address: string; readonly port: number; readonly hostKey: string };
  firstBackup: ManifestRecord;
  /** Of the same run, one a source. */
  firstSet: readonly ManifestRecord[];
  stillDigests: Readonly<Record<string, string>>;
  lostAt: Date;
  /** What stood when the whole server was lost, and the set that holds it. */
  lostState: { readonly setId: string; readonly state: object };
  recovery: RecoveryRecord;
}

/** The local world of one rehearsal. Everything in it ends with `close`. */
export interface World {
  readonly options: WorldOptions;
  readonly findings: Findings;
  set<Name extends keyof WorldParts>(name: Name, part: WorldParts[Name]): WorldParts[Name];
  /** Throws when no step has made it yet. */
  get<Name extends keyof WorldParts>(name: Name): WorldParts[Name];
  /** Ends it when the world closes; the last comes first. */
  onClose(end: () => Promise<unknown>): void;
  runCli(args: readonly string[]): Promise<string>;
  /** What another shell needs to look around, ready to be pasted; a scenario that failed may have made only a part. */
  describe(): string;
  close(): Promise<void>;
}

/** An empty world; the scenario's first steps fill it. */
export function makeWorld(options: WorldOptions): World {
  const parts: Partial<WorldParts> = {};
  const ends: (() => Promise<unknown>)[] = [];
  const get: World["get"] = (name) => {
    const part = parts[name];
    if (part === undefined) throw new Error(`No step has made the world's part "${name}".`);
    return part;
  };
  return {
    options,
    findings: { sources: {}, alerts: [], leftOut: [] },
    set: (name, part) => {
      parts[name] = part;
      return part;
    },
    get,
    onClose: (end) => void ends.push(end),
    runCli: (args) =>
      runCli(args, { ...get("aws").env, BACKUP_ESTATE_VAULT_BUCKET: get("estate").vaultBucket }),
    describe: () => describeWorld(parts),
    close: async () => {
      for (const end of ends.toReversed()) await end().catch((error: unknown) => console.error(error));
      ends.length = 0;
    },
  };
}

function describeWorld({ folder, aws, estateFile, estate }: Partial<WorldParts>): string {
  const vault = estate && { BACKUP_ESTATE_VAULT_BUCKET: estate.vaultBucket };
  const variables = Object.entries({ ...aws?.env, ...vault });
  return [
    "In another shell, in the project's folder:",
    "",
    ...variables.map(([name, value]) => `  export ${name}=${value}`),
    ...(estate
      ? ["  npx backup-estate status", "  npx backup-estate run recover --source mongodb --mode plan --wait"]
      : []),
    "",
    "A backup starts every minute; a recovery that meets one is refused and changes nothing: start it again.",
    ...(estateFile
      ? [`Its estate.yaml, for \`validate\`, \`status --config\` and \`import\`: ${estateFile}`]
      : []),
    `Files and logs: ${folder ?? "none"}`,
  ].join("\n");
}

/** A folder of the machine's temporary place that goes away with the world. */
export async function makeWorldFolder(world: World): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-rehearsal-"));
  world.onClose(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return world.set("folder", folder);
}
