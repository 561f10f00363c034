import { compareFingerprints, type Fingerprint } from "../model/fingerprint.ts";
import type { RestoreItem } from "../sources/source.ts";
import { KeyspaceFingerprint } from "./keyspace.ts";
import { pullRdb } from "./replication.ts";
import { findRdb } from "./restore.ts";
import { decode } from "./snapshot.ts";
import { Tee } from "./tee.ts";
import type { RedisTools } from "./tools.ts";

/** A server says in whole seconds when it wrote an RDB, and it did so within the second or at its end. */
const MOMENT_MARGIN_MS = 2_000;

/** What the server holds now, by a full copy of it; also what has ended and is not taken away yet. */
export async function fingerprintLive(tools: RedisTools): Promise<Fingerprint> {
  const content = new KeyspaceFingerprint(tools.newContent);
  await using connection = await tools.connect();
  await decode(pullRdb(connection), content);
  return content.fingerprint();
}

/**
 * What a server holds that a backup was restored into. Keys and fields with an end of life go by themselves: what has
 * ended by now is left out on both sides, and where all the rest is equal, the answer is the backup's own fingerprint.
 */
export async function fingerprintRestored(
  tools: RedisTools,
  items: readonly RestoreItem[],
): Promise<Fingerprint> {
  const live = new KeyspaceFingerprint(tools.newContent);
  const lasting: KeyspaceFingerprint = new KeyspaceFingerprint(tools.newContent, () => momentOf(live, tools));
  await using connection = await tools.connect();
  await decode(pullRdb(connection), new Tee(live, lasting));
  const whole = new KeyspaceFingerprint(tools.newContent);
  const expected = new KeyspaceFingerprint(tools.newContent, () => momentOf(live, tools));
  await decode(findRdb(items).open(), new Tee(whole, expected));
  const differences = compareFingerprints(expected.fingerprint(), lasting.fingerprint());
  return differences.length === 0 ? whole.fingerprint() : live.fingerprint();
}

function momentOf({ takenAtMs }: KeyspaceFingerprint, { clock }: RedisTools): number {
  return (takenAtMs ?? clock.now().getTime()) + MOMENT_MARGIN_MS;
}
