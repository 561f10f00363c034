import {
  DeleteObjectCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketTaggingCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from "@aws-sdk/client-s3";
import {
  judgeS3,
  listVersions,
  makeBucket,
  removeBuckets,
  S3_SERVER,
  startTestS3,
  type TestS3,
} from "../../../support/s3.ts";
import type { Place, SourceWorld } from "../world.ts";

/** One bucket that keeps no versions, and one that does. */
const [PHOTOS, PAPERS] = ["photos", "papers"];
const OBJECT_BYTES = 128 * 1024;

/** Two real servers: MinIO where its binary is given, otherwise the local AWS. */
export async function startS3World(): Promise<SourceWorld> {
  console.info(`s3: the laws run on ${S3_SERVER}`);
  const servers = { source: await startTestS3(), target: await startTestS3() };
  const clear = async (place: Place) => {
    await removeBuckets(servers[place]);
    await makeBucket(servers[place], PHOTOS);
    await makeBucket(servers[place], PAPERS, "Enabled");
  };
  await clear("source");
  await clear("target");
  let grown = 0;
  return {
    configOf: (place) => ({
      reach: { via: "direct", host: "127.0.0.1", port: servers[place].port },
      buckets: [PHOTOS, PAPERS],
      accessKeyId: servers[place].accessKeyId,
      secretKeySecret: "secret-key",
    }),
    secrets: { "secret-key": servers.source.secretAccessKey },
    clear,
    fill: (place) => fill(servers[place]),
    grow: (place, bytes) => grow(servers[place], bytes, ++grown),
    judge: (place) => judgeS3(servers[place]),
    changes: changesOf(servers),
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(servers).map((server) => server[Symbol.asyncDispose]()));
    },
  };
}

async function fill(server: TestS3): Promise<void> {
  const put = (Bucket: string, Key: string, Body: string | Buffer, more: object = {}) =>
    server.client.send(new PutObjectCommand({ Bucket, Key, Body: Buffer.from(Body), ...more }));
  await put(PHOTOS, "2026/cairo.jpg", Buffer.alloc(300_000, 7), {
    ContentType: "image/jpeg",
    CacheControl: "max-age=60",
    ContentDisposition: 'attachment; filename="cairo.jpg"',
    ContentLanguage: "ar",
    Metadata: { camera: "x100", owner: "mona" },
    Tagging: "kind=photo&place=cairo%20west",
  });
  await put(PHOTOS, "2026/القاهرة 😀 a+b%2F.txt", "unicode", { ContentType: "text/plain" });
  await put(PHOTOS, `long/${"n".repeat(200)}/${"m".repeat(200)}`, "long", { ContentType: "text/plain" });
  await put(PHOTOS, "empty", "", { ContentType: "text/plain" });
  await put(PAPERS, "contract.pdf", "first", { ContentType: "application/pdf", Tagging: "state=draft" });
  await put(PAPERS, "contract.pdf", "second", { ContentType: "application/pdf" });
  await put(PAPERS, "gone.pdf", "was here", { ContentType: "application/pdf" });
  await server.client.send(new DeleteObjectCommand({ Bucket: PAPERS, Key: "gone.pdf" }));
  await put(PAPERS, "back.pdf", "one", { ContentType: "application/pdf" });
  await server.client.send(new DeleteObjectCommand({ Bucket: PAPERS, Key: "back.pdf" }));
  await put(PAPERS, "back.pdf", "two", { ContentType: "application/pdf" });
  await server.client.send(policyOf("s3:GetObject"));
  await server.client.send(lifecycleOf(7));
}

/** Half of it in one object, half in many. */
async function grow({ client }: TestS3, bytes: number, round: number): Promise<void> {
  const half = Math.ceil(bytes / 2);
  const put = (Key: string, size: number, mark: number) =>
    client.send(new PutObjectCommand({ Bucket: PHOTOS, Key, Body: Buffer.alloc(size, mark) }));
  await put(`bulk/${round}/large`, half, round);
  for (let at = 0; at * OBJECT_BYTES < half; at++)
    await put(`bulk/${round}/${at}`, Math.min(OBJECT_BYTES, half - at * OBJECT_BYTES), at % 251);
}

function policyOf(action: string) {
  const Resource = [`arn:aws:s3:::${PHOTOS}/public/*`];
  const Statement = [{ Effect: "Allow", Principal: { AWS: ["*"] }, Action: [action], Resource }];
  return new PutBucketPolicyCommand({
    Bucket: PHOTOS,
    Policy: JSON.stringify({ Version: "2012-10-17", Statement }),
  });
}

function lifecycleOf(days: number) {
  const rule = {
    ID: "sweep",
    Status: "Enabled",
    Filter: { Prefix: "tmp/" },
    Expiration: { Days: days },
  } as const;
  return new PutBucketLifecycleConfigurationCommand({
    Bucket: PHOTOS,
    LifecycleConfiguration: { Rules: [rule] },
  });
}

function changesOf(servers: Readonly<Record<Place, TestS3>>): SourceWorld["changes"] {
  const put = (place: Place, Key: string, Body: string, more: object = {}) =>
    servers[place].client.send(
      new PutObjectCommand({
        Bucket: PHOTOS,
        Key,
        Body: Buffer.from(Body),
        ContentType: "text/plain",
        ...more,
      }),
    );
  const tag = (place: Place, Key: string, Value: string) =>
    servers[place].client.send(
      new PutObjectTaggingCommand({
        Bucket: PAPERS,
        Key,
        Tagging: { TagSet: [{ Key: "state", Value }] },
      }),
    );
  return {
    "one byte of an object": (place) => put(place, "2026/القاهرة 😀 a+b%2F.txt", "unicodf"),
    "a content type": (place) => put(place, "empty", "", { ContentType: "text/html" }),
    "metadata of an object": (place) => put(place, "empty", "", { Metadata: { seen: "yes" } }),
    "a tag of an object": (place) => tag(place, "contract.pdf", "signed"),
    "an object more": (place) => put(place, "one-more", ""),
    "a lost object": (place) =>
      servers[place].client.send(new DeleteObjectCommand({ Bucket: PHOTOS, Key: "empty" })),
    // Not of a key with tags: the local AWS does not find those of older versions then.
    "a delete marker": (place) =>
      servers[place].client.send(new DeleteObjectCommand({ Bucket: PAPERS, Key: "back.pdf" })),
    "a lost old version": async (place) => {
      const { client } = servers[place];
      const [oldest] = await listVersions(client, PAPERS).then((all) =>
        all.filter(({ key }) => key === "contract.pdf"),
      );
      const id = { Bucket: PAPERS, Key: "contract.pdf", VersionId: oldest?.versionId ?? "" };
      await client.send(new DeleteObjectCommand(id));
    },
    "a policy": (place) => servers[place].client.send(policyOf("s3:PutObject")),
    "a lifecycle": (place) => servers[place].client.send(lifecycleOf(8)),
    "a tag of a bucket": (place) =>
      servers[place].client.send(
        new PutBucketTaggingCommand({ Bucket: PAPERS, Tagging: { TagSet: [{ Key: "team", Value: "law" }] } }),
      ),
    "versions that are not kept any more": (place) =>
      servers[place].client.send(
        new PutBucketVersioningCommand({
          Bucket: PAPERS,
          VersioningConfiguration: { Status: "Suspended" },
        }),
      ),
  };
}
