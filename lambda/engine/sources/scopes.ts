import type { Manifest } from "../model/manifest.ts";
import type { DumpScope, RestoreScope } from "../model/scope.ts";

/** What the restore of a part comes to; decided from the manifest alone, before anything is opened. */
export interface ScopedRestore {
  /** Where each selected name of the backup goes. */
  readonly targets: ReadonlyMap<string, string>;
  /** What must be found there afterwards: that of the backup, by the names of the target. */
  readonly expected: Pick<Manifest, "fingerprint" | "endState">;
  /** Whether a name on the target belongs to it, and so is replaced; no other is touched. */
  isTarget(name: string): boolean;
  /** Whether it is refused, whatever the guard, where something of it is on the target. */
  readonly neverOverwrites: boolean;
  /** What an operator ought to know before it is done. */
  readonly notes: readonly string[];
}

/** What a source can do that can be taken, and given back, in part. */
export interface Scopes {
  /** Throws `RefusedError` INPUT_INVALID with every fault when this scope cannot be dumped. */
  checkDump(scope: DumpScope): void;
  /**
   * Throws `RefusedError` INPUT_INVALID with every fault when this backup has no such part. `later`: names that only
   * its slices bring up (what their manifests call touched).
   */
  planRestore(
    manifest: Pick<Manifest, "scope" | "fingerprint" | "endState">,
    scope?: RestoreScope,
    later?: readonly string[],
  ): ScopedRestore;
}
