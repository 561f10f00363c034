import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  ListBucketsCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { type Minio, startMinio } from "../../rehearsal/servers/minio.ts";
import { startTestAws } from "./local-aws.ts";

/** Path of a MinIO binary; the laws run on it, and on the local AWS where it is not set. */
const MINIO = process.env.BACKUP_ESTATE_MINIO;
/** What tests say of the server that they ran on. */
export const S3_SERVER = MINIO === undefined ? "the local AWS" : "MinIO";

export interface TestS3 extends AsyncDisposable {
  readonly port: number;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly client: S3Client;
}

/** A server of its own, empty: a real MinIO where one is given, otherwise the local AWS. */
export async function startTestS3(): Promise<TestS3> {
  return MINIO === undefined ? await startOnLocalAws() : await startOnMinio(MINIO);
}

/** The local AWS, for what MinIO does by TLS only. */
export async function startOnLocalAws(): Promise<TestS3> {
  const aws = await startTestAws();
  const port = Number(new URL(aws.endpoint).port);
  const client = clientOf(port, aws.client.credentials);
  return { port, ...aws.client.credentials, client, [Symbol.asyncDispose]: () => closing(client, aws) };
}

async function startOnMinio(command: string): Promise<TestS3> {
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-minio-"));
  const minio = await startMinio({ command, folder, signal: AbortSignal.timeout(60_000) });
  const client = clientOf(minio.port, minio.credentials);
  const close = async () => {
    await closing(client, minio);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  return { port: minio.port, ...minio.credentials, client, [Symbol.asyncDispose]: close };
}

async function closing(client: S3Client, server: AsyncDisposable): Promise<void> {
  client.destroy();
  await server[Symbol.asyncDispose]();
}

function clientOf(port: number, credentials: Minio["credentials"]): S3Client {
  return new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: "us-east-1",
    credentials,
    forcePathStyle: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
}

/** Removes every bucket with all that is in it. */
export async function removeBuckets({ client }: TestS3): Promise<void> {
  const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
  for (const { Name = "" } of Buckets) {
    for (const { key, versionId } of await listVersions(client, Name))
      await client.send(
        new DeleteObjectCommand({
          Bucket: Name,
          Key: key,
          ...(versionId !== undefined && { VersionId: versionId }),
        }),
      );
    await client.send(new DeleteBucketCommand({ Bucket: Name }));
  }
}

export async function makeBucket(
  { client }: TestS3,
  Bucket: string,
  versioning: "Off" | "Enabled" = "Off",
): Promise<void> {
  await client.send(new CreateBucketCommand({ Bucket }));
  if (versioning === "Off") return;
  const VersioningConfiguration = { Status: versioning } as const;
  await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
}

/** A version as its server lists it. */
export interface FoundVersion {
  readonly key: string;
  readonly versionId: string | undefined;
  readonly isMarker: boolean;
  readonly isLatest: boolean;
  readonly at: number;
}

/** Every version and delete marker; of each key the oldest first. */
export async function listVersions(client: S3Client, Bucket: string): Promise<FoundVersion[]> {
  const found: FoundVersion[] = [];
  let markers: object | undefined = {};
  while (markers !== undefined) {
    const page: Awaited<ReturnType<typeof askPage>> = await askPage(client, Bucket, markers);
    for (const [isMarker, list] of [
      [false, page.Versions],
      [true, page.DeleteMarkers],
    ] as const)
      for (const { Key = "", VersionId, IsLatest, LastModified } of list ?? [])
        found.push({
          key: page.EncodingType === "url" ? decodeURIComponent(Key.replaceAll("+", " ")) : Key,
          versionId: VersionId,
          isMarker,
          isLatest: IsLatest ?? false,
          at: LastModified?.getTime() ?? 0,
        });
    markers = page.IsTruncated
      ? { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker }
      : undefined;
  }
  return found.sort(
    (left, right) =>
      Buffer.compare(Buffer.from(left.key), Buffer.from(right.key)) ||
      Number(left.isLatest) - Number(right.isLatest) ||
      left.at - right.at,
  );
}

function askPage(client: S3Client, Bucket: string, markers: object) {
  return client.send(new ListObjectVersionsCommand({ Bucket, EncodingType: "url", ...markers }));
}

/** What every bucket holds and is set to, by the server's own word. */
export async function judgeS3({ client }: TestS3): Promise<unknown> {
  const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
  const judged: Record<string, unknown> = {};
  for (const { Name: Bucket = "" } of Buckets) {
    const orNone = (asked: Promise<object>) =>
      asked.then(
        (answer) => ({ ...answer, $metadata: undefined }),
        () => "none",
      );
    judged[Bucket] = {
      versioning: (await client.send(new GetBucketVersioningCommand({ Bucket }))).Status,
      policy: await orNone(client.send(new GetBucketPolicyCommand({ Bucket }))),
      lifecycle: await orNone(client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))),
      tags: await orNone(client.send(new GetBucketTaggingCommand({ Bucket }))),
      objects: await judgeObjects(client, Bucket),
    };
  }
  return judged;
}

async function judgeObjects(client: S3Client, Bucket: string): Promise<unknown[]> {
  const judged: unknown[] = [];
  for (const { key, versionId, isMarker, isLatest } of await listVersions(client, Bucket)) {
    // The local AWS finds no tags by the id `null`, which is what a bucket without versions lists.
    const id = { Bucket, Key: key, ...(versionId !== "null" && { VersionId: versionId }) };
    judged.push([key, isLatest, isMarker ? "marker" : await judgeObject(client, id)]);
  }
  return judged;
}

async function judgeObject(client: S3Client, id: { Bucket: string; Key: string }): Promise<unknown> {
  const answer = await client.send(new GetObjectCommand(id));
  const bytes = (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
  const { ContentType, CacheControl, ContentDisposition, ContentLanguage, Metadata } = answer;
  // Of a version whose key was deleted the local AWS finds no tags.
  const { TagSet = [] } =
    answer.TagCount === undefined ? {} : await client.send(new GetObjectTaggingCommand(id));
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const headers = { ContentType, CacheControl, ContentDisposition, ContentLanguage };
  return { bytes: bytes.length, sha256, ...headers, Metadata, tags: TagSet };
}
