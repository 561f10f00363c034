import type { RecoveryStage } from "../model/backup-set.ts";

/** The isolated server that a drill restores into: a sidecar of the drill's task. */
export interface DrillServer {
  readonly image: string;
  /** Image tags by the source's major version. */
  readonly majors: readonly string[];
  readonly port: number;
  readonly command: readonly string[];
}

/** A drill restores into an empty folder on the disk of its own task: there is no server. */
interface DrillFolder {
  /** `versions.major` of the backups that it takes. */
  readonly majors: readonly string[];
  /** GiB of disk that the task has. */
  diskGiBOf(config: unknown): number;
  /** Names or ARNs of secrets without which nothing could be proven; a drill may read no others. */
  secretsOf?(config: unknown): readonly string[];
}

/** What a kind asks of its surroundings; schedules, rights and drills derive from it. */
export interface SourceNeeds {
  readonly compute: "lambda" | "fargate";
  /** When a complete recovery restores it: after every source of an earlier stage. */
  readonly stage: RecoveryStage;
  readonly drill: DrillServer | DrillFolder | "none";
  /**
   * Dumps take over artifacts of an earlier backup. `rereads` begins the names of those that the next dump reads
   * again; the writer may read no other data. `only`: where the server keeps no log, from which changes could be told.
   */
  readonly reuse?: { readonly rereads?: string; readonly only?: "without-log" };
  /**
   * What it holds are secrets themselves: its artifacts are encrypted with a key of their own, which only workers of
   * such sources may use.
   */
  readonly secrecy?: "secret";
  /** Sessions may have `changes`; without it, no slices are scheduled. */
  readonly keepsLog: boolean;
}
