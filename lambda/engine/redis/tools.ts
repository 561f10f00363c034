import type { Clock } from "../model/ids.ts";
import type { Progress } from "../sources/source.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import type { RedisConnection } from "./connection.ts";

/** What dump, restore and fingerprint share. */
export interface RedisTools {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** `{ server: "7.0.15", major: "7" }` */
  readonly versions: Readonly<Record<string, string>>;
  /** Another connection as the same user: one that gave an RDB is of no other use. */
  connect(): Promise<RedisConnection>;
  newContent(): ContentHash;
  progress(event: Progress): void;
}
