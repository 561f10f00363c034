import { GetObjectCommand, ListObjectsV2Command, type S3Client } from "@aws-sdk/client-s3";

/** The JSON objects under a prefix of a bucket, by key, in key order. */
export async function readRecords(
  s3: S3Client,
  bucket: string,
  prefix: string,
): Promise<{ key: string; record: Record<string, unknown> }[]> {
  const listed = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
  const keys = (listed.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key]));
  return Promise.all(keys.sort().map(async (key) => ({ key, record: await readRecord(s3, bucket, key) })));
}

/** One JSON object of a bucket. */
export async function readRecord(
  s3: S3Client,
  bucket: string,
  key: string,
): Promise<Record<string, unknown>> {
  const answer = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return JSON.parse((await answer.Body?.transformToString()) ?? "null");
}
