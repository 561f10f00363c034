import { directHost } from "../../lambda/engine/host/direct-host.ts";
import type { Manifest } from "../../lambda/engine/model/manifest.ts";
import type { RestoreScope } from "../../lambda/engine/model/scope.ts";
import { s3ConfigSchema } from "../../lambda/engine/s3-objects/config.ts";
import { openS3 } from "../../lambda/engine/s3-objects/open.ts";
import type { Context, RestoreReport, Session, TargetGuard } from "../../lambda/engine/sources/source.ts";
import { type DumpChanges, type Taken, takeDump, toItems } from "./files-world.ts";
import type { TestS3 } from "./s3.ts";

const AHEAD_MS = 600_000;

export interface OpenChanges {
  readonly config?: object;
  readonly partBytes?: number;
}

/** A session on some buckets of a server. Its clock is ten minutes ahead, so that nothing is too young to be known. */
export async function openBuckets(
  server: TestS3,
  buckets: readonly string[],
  { config = {}, partBytes }: OpenChanges = {},
): Promise<Session> {
  const parsed = s3ConfigSchema.parse({
    reach: { via: "direct", host: "127.0.0.1", port: server.port },
    buckets,
    accessKeyId: server.accessKeyId,
    secretKeySecret: "secret-key",
    ...config,
  });
  return await openS3(parsed, contextOf(server), "write", partBytes);
}

/** The server as a drill opens it. */
export async function openDrill(server: TestS3): Promise<Session> {
  return await openS3({ drill: { host: "127.0.0.1", port: server.port } }, contextOf(server), "write");
}

function contextOf({ secretAccessKey }: TestS3): Context {
  return {
    signal: new AbortController().signal,
    clock: { now: () => new Date(Date.now() + AHEAD_MS) },
    random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
    host: directHost(),
    secret: async () => secretAccessKey,
    progress: () => {},
  };
}

export async function dumpBuckets(
  server: TestS3,
  buckets: readonly string[],
  { previous, config, beforeItem }: { previous?: Taken; config?: object } & DumpChanges = {},
): Promise<Taken> {
  await using session = await openBuckets(server, buckets, config && { config });
  return await takeDump(session, previous, beforeItem ? { beforeItem } : {});
}

export async function restoreBuckets(
  session: Session,
  { items, manifest }: { items: Taken["items"]; manifest: Manifest },
  { guard = "refuse-non-empty", scope }: { guard?: TargetGuard; scope?: RestoreScope } = {},
): Promise<RestoreReport> {
  return await session.restore({ items: toItems(items), manifest, guard, ...(scope && { scope }) });
}
