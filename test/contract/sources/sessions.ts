import { directHost } from "../../../lambda/engine/host/direct-host.ts";
import { openHost } from "../../../lambda/engine/host/open-host.ts";
import { sourceOf } from "../../../lambda/engine/jobs/world.ts";
import type {
  Dump,
  Purpose,
  RestoreItem,
  Session,
  StoredItem,
} from "../../../lambda/engine/sources/source.ts";
import { storedItems } from "../../support/stored-items.ts";
import type { Place, SourceWorld } from "./world.ts";

/** What another process needs to open a place of a world. */
export type Opening = Pick<SourceWorld, "ssh" | "secrets"> & {
  readonly kind: string;
  readonly config: unknown;
};

export function openingOf(kind: string, world: SourceWorld, place: Place): Opening {
  const { ssh, secrets } = world;
  return { kind, config: world.configOf(place), ...(ssh && { ssh }), ...(secrets && { secrets }) };
}

/** Opens a place as a job does: by the registry, with a configuration that passed the kind's schema. */
export async function openPlace(opening: Opening, purpose: Purpose, signal: AbortSignal): Promise<Session> {
  const { kind, ssh, secrets = {} } = opening;
  const host = ssh ? await openHost(ssh.host, ssh.privateKey, signal) : directHost();
  const source = sourceOf(kind);
  const session = await source.open(
    source.config.parse(opening.config),
    {
      signal,
      clock: { now: () => new Date() },
      random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
      host,
      secret: async (name) => secrets[name] ?? Promise.reject(new Error(`there is no secret ${name}`)),
      progress: () => {},
    },
    purpose,
  );
  const close = session[Symbol.asyncDispose].bind(session);
  session[Symbol.asyncDispose] = async () => {
    await close();
    await host[Symbol.asyncDispose]();
  };
  return session;
}

/** Reads a dump into memory, one item after the other; `onChunk` is told of every piece. */
export async function readDump(
  dump: Dump,
  onChunk: (bytes: number) => void = () => {},
): Promise<Map<string, Buffer>> {
  const items = new Map<string, Buffer>();
  for await (const item of storedItems(dump.items)) items.set(item.name, await readBody(item, onChunk));
  return items;
}

async function readBody({ body }: StoredItem, onChunk: (bytes: number) => void): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) {
    chunks.push(Buffer.from(chunk));
    onChunk(chunk.length);
  }
  return Buffer.concat(chunks);
}

const PIECE_BYTES = 7_919;

/** An item to restore that says it has `plainBytes`, and yields `bytes` in pieces that end nowhere in particular. */
export function toItem(
  name: string,
  bytes: Buffer,
  plainBytes = bytes.length,
  onOpen: (name: string) => void = () => {},
): RestoreItem {
  return {
    name,
    plainBytes,
    open: async function* () {
      onOpen(name);
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
    },
  };
}
