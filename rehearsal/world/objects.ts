import { createHash } from "node:crypto";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { OBJECT_STORE_CREDENTIALS, type ObjectStore } from "../servers/object-store.ts";

const BUCKET = "papers";
const CONTRACTS = 30;
const CONTRACT_BYTES = 20_000;
const SECRET = "company/objects";

/** The source `objects` of `estate.yaml`, and the secret that it names. */
export function objectsSourceOf({ port }: ObjectStore) {
  return {
    source: {
      kind: "s3",
      reach: { via: "ssh", host: "127.0.0.1", port },
      buckets: [BUCKET],
      accessKeyId: OBJECT_STORE_CREDENTIALS.accessKeyId,
      secretKeySecret: SECRET,
    },
    secrets: { [SECRET]: OBJECT_STORE_CREDENTIALS.secretAccessKey },
  };
}

/** A bucket that keeps versions: contracts, one of them written twice, one deleted, with tags, headers and odd names. */
export async function fillObjects(store: ObjectStore): Promise<void> {
  const s3 = clientOf(store);
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const VersioningConfiguration = { Status: "Enabled" } as const;
  await s3.send(new PutBucketVersioningCommand({ Bucket: BUCKET, VersioningConfiguration }));
  const put = (Key: string, Body: string, more: object = {}) =>
    s3.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body, ContentType: "application/pdf", ...more }));
  for (let n = 1; n <= CONTRACTS; n++) await put(`عقود/${n}.pdf`, String(n).repeat(CONTRACT_BYTES));
  await put("عقود/1.pdf", "signed", { Metadata: { by: "sara" }, Tagging: "state=signed" });
  await put("a b+c&d=e?.txt", "an odd name", { ContentType: "text/plain" });
  await s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: "عقود/2.pdf" }));
  s3.destroy();
}

/** Every version of every object, the oldest of each key first: what it is, its digest, headers and tags. */
export async function readObjects(store: ObjectStore): Promise<string[]> {
  const s3 = clientOf(store);
  try {
    const { Versions = [], DeleteMarkers = [] } = await s3.send(
      new ListObjectVersionsCommand({ Bucket: BUCKET }),
    );
    const objects = Versions.toReversed().map(async ({ Key = "", VersionId, IsLatest }) => {
      const which = { Bucket: BUCKET, Key, VersionId };
      const { Body, ContentType, Metadata } = await s3.send(new GetObjectCommand(which));
      // The local AWS has no tags of what a delete marker hides.
      const { TagSet } = IsLatest ? await s3.send(new GetObjectTaggingCommand({ Bucket: BUCKET, Key })) : {};
      const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      return JSON.stringify([Key, IsLatest, sha256, ContentType, Metadata, TagSet]);
    });
    const markers = DeleteMarkers.map(({ Key, IsLatest }) => JSON.stringify([Key, IsLatest, "deleted"]));
    // A stable sort by key keeps the order of the versions of each.
    return [...(await Promise.all(objects)), ...markers].sort((left, right) => compareKeys(left, right));
  } finally {
    s3.destroy();
  }
}

function compareKeys(left: string, right: string): number {
  const [one, other] = [left, right].map((line) => (JSON.parse(line) as string[])[0] ?? "");
  return one === other ? 0 : (one ?? "") < (other ?? "") ? -1 : 1;
}

function clientOf({ port }: ObjectStore): S3Client {
  return new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: "us-east-1",
    credentials: OBJECT_STORE_CREDENTIALS,
    forcePathStyle: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
}
