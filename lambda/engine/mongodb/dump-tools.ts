import type { Clock } from "../model/ids.ts";
import type { Progress } from "../sources/source.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { Connection } from "./connect.ts";

/** What dump, restore and fingerprint share: the connection and what is beside it. */
export interface DumpTools {
  readonly connection: Connection;
  /** Who replays the oplog, where that is not who restores; to the same server. */
  readonly replayConnection?: Connection;
  /** What the operator ought to know of the connection, such as which member was chosen. */
  readonly notes: readonly string[];
  readonly budget: ByteBudget;
  readonly clock: Clock;
  readonly versions: Readonly<Record<string, string>>;
  /** Indexes by namespace that a restore has put off, see docs/adr/0002; a fingerprint takes them for built. */
  readonly deferred: Map<string, readonly Buffer[]>;
  newContent(): ContentHash;
  progress(event: Progress): void;
}
