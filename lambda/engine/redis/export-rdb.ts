import type { RestoreItem } from "../sources/source.ts";
import { findRdb } from "./restore.ts";

/** A backup as the RDB that a stock redis-server loads, as `redis-cli --rdb` writes it. Throws `IntegrityError`. */
export async function* exportRdb(items: readonly RestoreItem[]): AsyncGenerator<Uint8Array> {
  yield* findRdb(items).open();
}
