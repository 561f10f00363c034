import { DeleteObjectCommand, PutObjectCommand, PutObjectTaggingCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { storedPacks } from "../../support/files-world.ts";
import { judgeS3, makeBucket, removeBuckets, startTestS3, type TestS3 } from "../../support/s3.ts";
import { dumpBuckets, openBuckets, restoreBuckets } from "../../support/s3-session.ts";

const BUCKETS = ["papers", "photos"] as const;
const MANY = 10_000;
const AT_ONCE = 50;
let source: TestS3;
let target: TestS3;

beforeAll(async () => {
  [source, target] = await Promise.all([startTestS3(), startTestS3()]);
});
beforeEach(async () => {
  await removeBuckets(source);
  await removeBuckets(target);
  await makeBucket(source, "photos");
  await makeBucket(source, "papers", "Enabled");
});
afterAll(async () => {
  await source?.[Symbol.asyncDispose]();
  await target?.[Symbol.asyncDispose]();
});

const put = (Bucket: string, Key: string, Body: string, more: object = {}) =>
  source.client.send(new PutObjectCommand({ Bucket, Key, Body: Buffer.from(Body), ...more }));

it("reads nothing again of what the listing shows as it was", async () => {
  await put("photos", "a", "one");
  await put("papers", "b", "two");
  const first = await dumpBuckets(source, BUCKETS);
  const second = await dumpBuckets(source, BUCKETS, { previous: first });
  expect(storedPacks(first)).toHaveLength(1);
  expect(storedPacks(second)).toEqual([]);
  expect(second.reused).toEqual(storedPacks(first));
  expect(second.summary.fingerprint).toEqual(first.summary.fingerprint);
});

it("reads what was overwritten, and the tags that changed without a trace in the listing", async () => {
  await put("photos", "kept", "kept", { Tagging: "state=draft" });
  await put("photos", "overwritten", "old");
  const first = await dumpBuckets(source, BUCKETS);
  await put("photos", "overwritten", "new");
  const Tagging = { TagSet: [{ Key: "state", Value: "final" }] };
  await source.client.send(new PutObjectTaggingCommand({ Bucket: "photos", Key: "kept", Tagging }));
  const second = await dumpBuckets(source, BUCKETS, { previous: first });
  expect(storedPacks(second)).toHaveLength(1);
  await using session = await openBuckets(target, BUCKETS);
  await restoreBuckets(session, second);
  expect(await judgeS3(target)).toEqual(await judgeS3(source));
});

it("brings a key's history back in its order out of packs of several backups, delete markers included", async () => {
  for (const body of ["1", "2"]) await put("papers", "a", body);
  await put("papers", "b", "1");
  const first = await dumpBuckets(source, BUCKETS);
  await source.client.send(new DeleteObjectCommand({ Bucket: "papers", Key: "a" }));
  await source.client.send(new DeleteObjectCommand({ Bucket: "papers", Key: "b" }));
  await put("papers", "a", "3");
  const second = await dumpBuckets(source, BUCKETS, { previous: first });
  await put("papers", "a", "4");
  const third = await dumpBuckets(source, BUCKETS, { previous: second });
  expect(third.reused).toHaveLength(2);
  await using session = await openBuckets(target, BUCKETS);
  await restoreBuckets(session, third);
  expect(await judgeS3(target)).toEqual(await judgeS3(source));
});

it("packs ten thousand objects, and reads none of them twice", { timeout: 180_000 }, async () => {
  for (let at = 0; at < MANY; at += AT_ONCE)
    await Promise.all(
      Array.from({ length: AT_ONCE }, (_, index) =>
        put("photos", `many/${at + index}`, `object ${at + index}`),
      ),
    );
  const first = await dumpBuckets(source, BUCKETS);
  expect(first.summary.fingerprint.photos?.count).toBe(MANY);
  expect([...first.items.keys()].map((name) => name.split("/")[0]).toSorted()).toEqual([
    "buckets.json",
    "index",
    "index",
    "index",
    "packs",
    "packs",
  ]);
  const second = await dumpBuckets(source, BUCKETS, { previous: first });
  expect(storedPacks(second)).toEqual([]);
  await using session = await openBuckets(target, BUCKETS);
  expect(await restoreBuckets(session, second)).toMatchObject({ records: MANY });
  expect(await session.fingerprint()).toEqual(first.summary.fingerprint);
});
