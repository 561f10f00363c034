import { compareFingerprints, type FingerprintDifference } from "../../lambda/engine/model/fingerprint.ts";
import type { RestoreReport, Session, TargetGuard } from "../../lambda/engine/sources/source.ts";
import { manifestFor, type TakenDump, takeDump, toRestoreItems } from "./mongodb.ts";

/** The one artifact of a dump of Redis. */
export const RDB = "dump/dump.rdb";

export function rdbOf({ items }: TakenDump): Buffer {
  return items.get(RDB) ?? Buffer.alloc(0);
}

export function takeRdb(session: Session): Promise<TakenDump> {
  return takeDump(session, { proof: "as-read" }, 1);
}

export function restoreDump(
  session: Session,
  { items, summary }: TakenDump,
  guard: TargetGuard = "refuse-non-empty",
): Promise<RestoreReport> {
  const manifest = { ...manifestFor(summary), source: "redis", kind: "redis" };
  return session.restore({ items: toRestoreItems(items), manifest, guard });
}

/** As a drill and a recovery compare. */
export async function compareRestored(session: Session, taken: TakenDump): Promise<FingerprintDifference[]> {
  const backup = toRestoreItems(taken.items);
  const like = taken.summary.fingerprint;
  return compareFingerprints(like, await session.fingerprint({ like, backup }));
}
