import type { SourceFacts } from "../sources/source.ts";
import type { Connection } from "./connect.ts";

/**
 * The file system of the server's data, or nothing where the user may not ask (`dbStats`) or the storage engine does
 * not tell.
 */
export async function readSpace(connection: Connection): Promise<Pick<SourceFacts, "space">> {
  const stats = await connection.client
    .db("admin")
    .command({ dbStats: 1 })
    .catch(() => undefined);
  const [totalBytes, usedBytes] = [Number(stats?.fsTotalSize), Number(stats?.fsUsedSize)];
  if (!Number.isFinite(totalBytes) || !Number.isFinite(usedBytes)) return {};
  return { space: { totalBytes, freeBytes: Math.max(0, totalBytes - usedBytes) } };
}
