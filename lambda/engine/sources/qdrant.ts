import { z } from "zod";
import type { Reach } from "../host/host.ts";
import type { Place } from "../qdrant/client.ts";
import { QdrantSession } from "../qdrant/session.ts";
import type { Context, Purpose, Session, Source } from "./source.ts";

const port = z.int().min(1).max(65535).default(6333);
const reachSchema = z.discriminatedUnion("via", [
  z.strictObject({ via: z.literal("ssh"), host: z.string().min(1).default("127.0.0.1"), port }),
  z.strictObject({ via: z.literal("container"), container: z.string().min(1), port }),
  z.strictObject({ via: z.literal("direct"), host: z.string().min(1), port }),
]);

const qdrantConfigSchema = z
  .strictObject({
    /** The REST port. */
    reach: reachSchema,
    /** Name or ARN of the secret that holds the API key; it must be one that may manage the server. */
    apiKeySecret: z.string().min(1).optional(),
    /** The key that a restore uses, where that is another. */
    restoreApiKeySecret: z.string().min(1).optional(),
    tls: z
      .strictObject({
        /** The authorities that are trusted, as PEM; without it those of the system. */
        ca: z.string().startsWith("-----BEGIN CERTIFICATE-----").optional(),
        /** The name on the certificate where it is not the address, as behind a tunnel. */
        serverName: z.string().min(1).optional(),
      })
      .optional(),
  })
  .refine(
    ({ apiKeySecret, restoreApiKeySecret }) =>
      apiKeySecret !== undefined || restoreApiKeySecret === undefined,
    { path: ["apiKeySecret"], message: "a server with a key for restores needs one for backups" },
  );
export type QdrantConfig = z.infer<typeof qdrantConfigSchema>;

/** Release lines; a snapshot is recovered by its own only. */
const LINES = Array.from({ length: 12 }, (_, index) => `v1.${index + 9}`);

/** Qdrant, one node. */
export const qdrant: Source<QdrantConfig> = {
  kind: "qdrant",
  description: {
    title: "Qdrant 1.9 to 1.20",
    covers: [
      "every collection by a snapshot of its own: vectors, payload, settings, indexes of payload; aliases, which no snapshot holds; what the server says of its cluster",
      "snapshots are streamed and compared with the server's checksum, one after the other, and removed from the server; one that a crash left behind is removed by the next run",
      "a drill compares the ids of all points, vectors and payload of a seeded sample of 500 a collection, settings, and aliases",
    ],
    leavesOut: [
      "collections that are written to meanwhile: each is one moment, and the drill compares its count with those before and after, and the sampled points that stayed as they were",
      "shards that only other nodes have: refused by name",
      "access keys, roles and the server's configuration: files of the host",
      "a recovery into another minor version: refused, as Qdrant demands",
    ],
  },
  config: qdrantConfigSchema,
  needs: {
    compute: "fargate",
    stage: "databases",
    keepsLog: false,
    drill: { image: "docker.io/qdrant/qdrant", majors: LINES, port: 6333, command: ["./entrypoint.sh"] },
  },
  open,
  drillConfig: ({ host, port: drillPort }) => ({ reach: { via: "direct", host, port: drillPort } }),
};

async function open(config: QdrantConfig, context: Context, purpose: Purpose): Promise<Session> {
  const login = await loginOf(config, purpose, context);
  const reached = await context.host.reach(config.reach satisfies Reach);
  const close = async () => reached[Symbol.asyncDispose]();
  try {
    const { host, port: reachedPort } = reached;
    const place = { host, port: reachedPort, login, signal: context.signal, ...tlsOf(config) };
    return await QdrantSession.open(place, context, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function loginOf(
  { apiKeySecret, restoreApiKeySecret }: QdrantConfig,
  purpose: Purpose,
  { secret }: Pick<Context, "secret">,
): Promise<Place["login"]> {
  const reference = purpose === "write" ? (restoreApiKeySecret ?? apiKeySecret) : apiKeySecret;
  return reference === undefined ? {} : { "api-key": await secret(reference) };
}

/** Without the members that are not set. */
function tlsOf({ tls }: QdrantConfig): Pick<Place, "tls"> {
  if (tls === undefined) return {};
  const { ca, serverName } = tls;
  return { tls: { ...(ca !== undefined && { ca }), ...(serverName !== undefined && { serverName }) } };
}
