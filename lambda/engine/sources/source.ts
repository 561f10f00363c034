import type { z } from "zod";
import type { Host } from "../host/host.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import type { Clock, Random } from "../model/ids.ts";
import type { Artifact, DestructiveCommand, EndState, Manifest, Position } from "../model/manifest.ts";
import type { DumpScope, RestoreScope } from "../model/scope.ts";
import type { SourceNeeds } from "./needs.ts";
import type { Scopes } from "./scopes.ts";

export type { DrillServer, SourceNeeds } from "./needs.ts";
export type { ScopedRestore, Scopes } from "./scopes.ts";

/** Facts of a source that are cheap and read-only to ask for. */
export interface SourceFacts {
  /** e.g. `{ server: "7.0.15", major: "7", featureCompatibility: "7.0" }`; goes into the manifest. */
  readonly versions: Readonly<Record<string, string>>;
  readonly bytesEstimate: number;
  readonly position: Position;
  readonly empty: boolean;
  /** Of the user's data, in order of name; missing where the source cannot tell. */
  readonly namespaces?: readonly string[];
  /** Of the file system that carries the data; missing where the source cannot tell, or may not be asked. */
  readonly space?: { readonly totalBytes: number; readonly freeBytes: number };
}

/** One object that a dump reads; `body` is read to its end before the next but `parallel` − 1 are asked for. */
export interface StoredItem {
  readonly name: string;
  /** From 1, where an object is dumped in several: their bodies, in this order, are its content. */
  readonly part?: number;
  readonly body: AsyncIterable<Uint8Array>;
  /** Not compressed: how much shorter a secret becomes would tell of it. */
  readonly stored?: "as-it-is";
}

/** An artifact of an earlier backup, as that one's manifest has it. */
export type ArtifactRef = Artifact;

/** One object that a dump takes over as it was stored before: out of `PreviousBackup.reusable` only. */
export interface ReusedItem {
  readonly name: string;
  readonly reuse: ArtifactRef;
}

export type DumpItem = StoredItem | ReusedItem;

/** What a dump knows only after its last item was read. */
export interface DumpSummary {
  readonly fingerprint: Fingerprint;
  readonly endState?: EndState;
  readonly from?: Position;
  readonly to: Position;
  readonly versions: Readonly<Record<string, string>>;
  /** What was dumped, where that is not everything. */
  readonly scope?: DumpScope;
  /** What an operator ought to know, such as half of a pair that was left out. */
  readonly notes?: readonly string[];
}

/** A dump in progress: read `items` to the end, then ask for `summary`. A stream that ends early is an error. */
export interface Dump {
  readonly items: AsyncIterable<DumpItem>;
  /** Throws when an item was not read to its end. */
  summary(): Promise<DumpSummary>;
}

/** One file of a dump that another tool made; `open` may be called again. */
export interface ExternalFile {
  /** Below the dump's folder, with `/`; of a single file its own name. */
  readonly path: string;
  readonly bytes: number;
  readonly modifiedAt: Date;
  open(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** A dump that the source's own tools made: one file, or a folder of files. `name` is what messages call it. */
export interface ExternalDump {
  readonly form: "file" | "folder";
  readonly name: string;
  readonly files: readonly ExternalFile[];
}

/** What an operator may say of a dump that does not tell it by itself. */
export interface ExternalHints {
  readonly serverVersion?: string;
  /** The moment that it holds. */
  readonly takenAt?: Date;
}

/** Such a dump, being read into the items that a dump of our own would have; once. */
export interface ExternalReading extends Dump {
  readonly items: AsyncIterable<StoredItem>;
  /** Items of which bodies must be read at once, since they may alternate in the file. */
  readonly parallel: number;
  /** What is not taken over, because no restore could use it. */
  readonly leftOut: readonly string[];
}

export interface ChangesSummary {
  readonly from: Position;
  /** Equal to `from` when nothing was written since. */
  readonly to: Position;
  /** Namespaces that changed. */
  readonly touched: readonly string[];
  readonly destructive: readonly DestructiveCommand[];
  /** Namespaces that changed too, and whose changes no replay applies. */
  readonly notReplayed: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
}

/** A slice of the log in progress, read as a dump is. */
export interface Changes {
  readonly items: AsyncIterable<StoredItem>;
  /** Throws when an item was not read to its end. */
  summary(): Promise<ChangesSummary>;
}

export interface ChangesOptions {
  /** Asked again and again: once it says yes, the slice ends after the entry that was read last. */
  enough(): boolean;
}

/** The backup that a dump may build upon. */
export interface PreviousBackup {
  readonly manifest: Manifest;
  /**
   * Artifacts, by name (with ` part <n>` where there are several), that stay locked and there at least as long as the
   * new manifest; all others are stored again.
   */
  readonly reusable: ReadonlyMap<string, ArtifactRef>;
  /** Those of its artifacts that the source's `needs.reuse.rereads` means. */
  readonly items: readonly RestoreItem[];
}

export interface DumpOptions {
  readonly previous?: PreviousBackup;
  /** Also fingerprint, at the dump's end, what changed while it ran, so that a drill can compare it. */
  readonly proof: "end-state" | "as-read";
  /** Everything without it. Only for a source with `scopes`. */
  readonly scope?: DumpScope;
  /** Of what a recovery is about to overwrite, as it is: what is missing is no failure then, but what will be brought back. */
  readonly purpose?: Manifest["purpose"];
  /** What is twice as large is dumped in parts of about so many plain bytes, 256 MiB by default. */
  readonly partBytes?: number;
}

/** One object of a backup to restore; `open` may be called again after a failure. `body` yields plain bytes. */
export interface RestoreItem {
  readonly name: string;
  readonly part?: number;
  readonly plainBytes: number;
  open(): AsyncIterable<Uint8Array>;
}

/** What a restore may overwrite. `refuse`: the target must be empty. `replace`: its namespaces are dropped first. */
export type TargetGuard = "refuse-non-empty" | "replace";

export interface RestoreRequest {
  readonly items: readonly RestoreItem[];
  readonly manifest: Manifest;
  /** With a scope, also one of the manifest, it speaks of what belongs to the scope; the rest is not touched. */
  readonly guard: TargetGuard;
  /** Everything that the backup holds without it. Only for a source with `scopes`. */
  readonly scope?: RestoreScope;
  /** Slices that extend the backup, in their order, and the moment up to which they are replayed. */
  readonly changes?: { readonly items: readonly RestoreItem[]; readonly until: Position };
  /**
   * Called once, before the first change of the target and after the last reason to refuse: a `RefusedError` says that
   * nothing was changed, and is none after this.
   */
  readonly beforeChange?: () => Promise<void>;
  /** Called between data and log replay, when the restored bytes must equal the manifest's fingerprint. */
  readonly beforeReplay?: () => Promise<void>;
}

export interface RestoreReport {
  readonly records: number;
  readonly replayedOperations: number;
  /** Namespaces that the replayed part of `changes` touched; undefined where the source cannot tell. */
  readonly changed?: readonly string[];
  readonly bytes: number;
  /** What is not as it was and can be put right by hand, such as owners that the login may not set. */
  readonly notes?: readonly string[];
}

export interface FingerprintOptions {
  /** Everything without them. */
  readonly namespaces?: readonly string[];
  /** Only what the restore of such a backup under such a scope is answerable for, by the names of the target. */
  readonly restored?: { readonly manifest: Pick<Manifest, "scope">; readonly scope?: RestoreScope };
  /**
   * What is expected. A source may leave out what the connection itself had to add, such as the user as whom a
   * restore runs, where nothing but that differs; any other difference stays to be found.
   */
  readonly like?: Fingerprint;
  /**
   * The artifacts of the backup that was restored. A source whose records end by themselves, as keys with a time to
   * live do, may judge with them what is left now: where all that should be left is there, it answers as the backup.
   */
  readonly backup?: readonly RestoreItem[];
}

/** An open connection to one source. Disposing closes everything that it opened. */
export interface Session extends AsyncDisposable {
  probe(): Promise<SourceFacts>;
  dump(options: DumpOptions): Dump;
  /**
   * What was written, and cannot be rolled back any more, after `from` until now. Missing where the server keeps no
   * log. Reading throws `SourceError` OPLOG_GAP when the log no longer holds `from`.
   */
  readonly changes?: (from: Position, options: ChangesOptions) => Changes;
  /** Throws `IntegrityError` when a single record could not be written. */
  restore(request: RestoreRequest): Promise<RestoreReport>;
  fingerprint(options?: FingerprintOptions): Promise<Fingerprint>;
}

export interface Progress {
  readonly phase: string;
  readonly name: string;
  readonly bytes: number;
}

/** All that a session may use of the world. */
export interface Context {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly random: Random;
  readonly host: Host;
  /** The value of a secret by name or ARN; never logged. */
  secret(reference: string): Promise<string>;
  progress(event: Progress): void;
}

/** What a session is opened for: `read` to dump, `write` to restore and to compare what was restored. */
export type Purpose = "read" | "write";

/** What `docs/sources.md` says of a kind; each entry one line of Markdown. */
export interface SourceDescription {
  /** `MongoDB 5 to 8` */
  readonly title: string;
  readonly covers: readonly string[];
  readonly leavesOut: readonly string[];
}

/** What the file of a source's own tools is on a host. */
interface ExternalFileForm {
  /** `archive.gz` */
  readonly suffix: string;
  readonly codec: "gzip" | "none";
  /** How an operator restores it by hand, in the shell of the host, where `$COPY` is its path: one line each. */
  readonly byHand: readonly string[];
}

/** One kind of source: one file in this folder and one line in `registry.ts`. */
export interface Source<Config = unknown> {
  readonly kind: string;
  readonly description: SourceDescription;
  /**
   * Used at synth and again at start. Fields that name secrets end in `Secret`; the writer of backups may not read
   * those that begin with `restore`.
   */
  readonly config: z.ZodType<Config>;
  readonly needs: SourceNeeds;
  /** Absence is a capability: such a source is only taken whole, and a scope for it is refused. */
  readonly scopes?: Scopes;
  /** Drivers are loaded in here only, so that synth never loads one. */
  open(config: Config, context: Context, purpose: Purpose): Promise<Session>;
  /**
   * Reads a dump of the source's own tools. Throws `IntegrityError` where it is damaged, `RefusedError` where it is
   * none or does not say enough. Absence is a capability: there is nothing to import.
   */
  readExternal?(dump: ExternalDump, hints: ExternalHints, signal: AbortSignal): Promise<ExternalReading>;
  /**
   * A backup as one file that the source's own tools restore. Throws `IntegrityError` while it is read. Absence is a
   * capability: its artifacts are all that there is.
   */
  writeExternal?(items: readonly RestoreItem[], signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** That file as it lies on a host. Comes with `writeExternal`. */
  readonly externalFile?: ExternalFileForm;
  /**
   * After that moment what a backup holds is of no use, such as a certificate that has ended: alarms come before. Absence
   * is a capability.
   */
  validUntil?(manifest: Pick<Manifest, "versions">): Date | undefined;
  /** The configuration that opens the drill server at `address`. */
  drillConfig(address: { host: string; port: number }): Config;
  /**
   * The configuration that opens the empty folder of a drill; for a source whose drill has no server. `config` is what
   * the estate says of the source now; undefined where it names it no more.
   */
  drillFolderConfig?(folder: string, config: unknown): Config;
}
