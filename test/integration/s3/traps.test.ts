import { createHash } from "node:crypto";
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { readIndexLines } from "../../support/files-world.ts";
import {
  judgeS3,
  listVersions,
  makeBucket,
  removeBuckets,
  startOnLocalAws,
  startTestS3,
  type TestS3,
} from "../../support/s3.ts";
import { dumpBuckets, openBuckets, openDrill, restoreBuckets } from "../../support/s3-session.ts";

const MIB = 1024 ** 2;
/** The least that S3 takes for a part that is not the last. */
const PART_BYTES = 5 * MIB;
const BUCKETS = ["photos"] as const;
const LONGEST = `${"a".repeat(200)}/`.repeat(5) + "b".repeat(1024 - 5 * 201);
const ODD_KEYS = [
  "..",
  "a/../b",
  "./c",
  "/leading",
  "a//b",
  "folder/",
  "new\nline",
  "tab\tcontrol\u0001",
  "q?x=1&y#z",
  "%41%2f +",
  "é é 😀 \uff21",
  "'quote\"<&>",
  LONGEST,
];
let source: TestS3;
let target: TestS3;

beforeAll(async () => {
  [source, target] = await Promise.all([startTestS3(), startTestS3()]);
});
beforeEach(async () => {
  await removeBuckets(source);
  await removeBuckets(target);
  await makeBucket(source, "photos");
});
afterAll(async () => {
  await source?.[Symbol.asyncDispose]();
  await target?.[Symbol.asyncDispose]();
});

const put = (server: TestS3, Key: string, Body: string | Buffer, more: object = {}) =>
  server.client.send(new PutObjectCommand({ Bucket: "photos", Key, Body: Buffer.from(Body), ...more }));

it("brings back every odd key that the server takes", async () => {
  const taken: string[] = [];
  for (const key of ODD_KEYS)
    await put(source, key, `of ${key}`).then(
      () => taken.push(key),
      (error) => expect(error.$metadata.httpStatusCode, key).toBe(400),
    );
  expect(taken).toEqual(expect.arrayContaining(["new\nline", "%41%2f +", LONGEST, "q?x=1&y#z"]));
  const backup = await dumpBuckets(source, BUCKETS);
  expect(backup.summary.notes).toBeUndefined();
  await using session = await openBuckets(target, BUCKETS);
  expect(await restoreBuckets(session, backup)).toMatchObject({ records: taken.length });
  expect(await judgeS3(target)).toEqual(await judgeS3(source));
});

it("brings back an Expires that is no date, in one upload and in parts", async () => {
  for (const [key, text] of [
    ["a", "0"],
    ["b", "never"],
    ["c", "Wed, 21 Oct 2026 07:28:00 GMT"],
  ] as const) {
    const command = new PutObjectCommand({ Bucket: "photos", Key: key, Body: Buffer.alloc(PART_BYTES + 1) });
    command.middlewareStack.add(
      (next) => (args) => {
        Object.assign((args.request as { headers: object }).headers, { expires: text });
        return next(args);
      },
      { step: "build" },
    );
    await source.client.send(command);
  }
  const backup = await dumpBuckets(source, BUCKETS);
  const kept = readIndexLines(backup.items).map(
    (line) => (line.headers as { ExpiresString?: string })?.ExpiresString,
  );
  expect(kept).toEqual(expect.arrayContaining(["0", "never", "Wed, 21 Oct 2026 07:28:00 GMT"]));
  for (const partBytes of [PART_BYTES, 2 * PART_BYTES]) {
    await removeBuckets(target);
    await using session = await openBuckets(target, BUCKETS, { partBytes });
    await restoreBuckets(session, backup);
    expect(await session.fingerprint()).toEqual(backup.summary.fingerprint);
  }
});

it("puts an object above the limit of one upload back in parts, with all that belongs to it", async () => {
  const body = Buffer.concat([
    Buffer.alloc(PART_BYTES, 1),
    Buffer.alloc(PART_BYTES, 2),
    Buffer.alloc(MIB, 3),
  ]);
  await put(source, "film", body, { ContentType: "video/mp4", Metadata: { cut: "2" }, Tagging: "a=b" });
  const backup = await dumpBuckets(source, BUCKETS);
  await using session = await openBuckets(target, BUCKETS, { partBytes: PART_BYTES });
  await restoreBuckets(session, backup);
  const { ETag } = await target.client.send(new HeadObjectCommand({ Bucket: "photos", Key: "film" }));
  expect(ETag).toMatch(/-3"$/);
  expect(await judgeS3(target)).toEqual(await judgeS3(source));
  expect(await session.fingerprint()).toEqual(backup.summary.fingerprint);
});

it("fails by name for an object that only its owner's key opens, or leaves it out and says so", async () => {
  // MinIO takes such keys by TLS only.
  await using server = await startOnLocalAws();
  await makeBucket(server, "photos");
  await put(server, "open", "open");
  const key = Buffer.alloc(32, 7);
  await put(server, "sealed", "sealed", {
    SSECustomerAlgorithm: "AES256",
    SSECustomerKey: key.toString("base64"),
    SSECustomerKeyMD5: createHash("md5").update(key).digest("base64"),
  });
  await expect(dumpBuckets(server, BUCKETS)).rejects.toMatchObject({
    name: "SourceError",
    code: "FORBIDDEN",
    message: expect.stringContaining('"sealed" of photos'),
  });
  const backup = await dumpBuckets(server, BUCKETS, { config: { unreadable: "report" } });
  expect(backup.summary.notes).toEqual([expect.stringMatching(/^1 objects .*SSE-C.*"sealed" of photos$/)]);
  expect(readIndexLines(backup.items).map(({ key: name, why }) => [name, why])).toEqual(
    expect.arrayContaining([["sealed", "customer-key"]]),
  );
  expect(backup.summary.fingerprint.photos?.count).toBe(1);
});

it("takes a bucket that is not there for a failure, never for an empty one", async () => {
  await expect(dumpBuckets(source, ["photos", "vanished"])).rejects.toMatchObject({
    name: "SourceError",
    code: "MISSING",
    message: expect.stringContaining("vanished"),
  });
});

it("sets aside the other buckets before a recovery brings back one that is gone", async () => {
  await put(source, "kept", "kept");
  await using session = await openBuckets(source, ["photos", "vanished"]);
  const dump = session.dump({ proof: "as-read", purpose: "safety" });
  for await (const item of dump.items) if ("body" in item) await Array.fromAsync(item.body);
  const { fingerprint, notes } = await dump.summary();
  expect(Object.keys(fingerprint)).toEqual(["photos"]);
  expect(notes).toEqual(["the bucket vanished was not there"]);
});

it("tells of an object that was deleted while the bucket was read", async () => {
  await put(source, "kept", "kept");
  await put(source, "deleted", "deleted");
  const beforeItem = async ({ name }: { name: string }) => {
    if (!name.startsWith("packs/")) return;
    await source.client.send(new DeleteObjectCommand({ Bucket: "photos", Key: "deleted" }));
  };
  const backup = await dumpBuckets(source, BUCKETS, { beforeItem });
  expect(backup.summary.notes).toEqual([
    expect.stringMatching(/^1 objects .*deleted while.*"deleted" of photos$/),
  ]);
  expect(backup.summary.fingerprint.photos?.count).toBe(1);
});

it("brings one prefix back on top of the live history, and touches nothing else", async () => {
  await removeBuckets(source);
  await makeBucket(source, "photos", "Enabled");
  for (const key of ["2025/a", "2026/a", "2026/b"]) await put(source, key, "good");
  const backup = await dumpBuckets(source, BUCKETS);
  for (const key of ["2025/a", "2026/a", "2026/new"]) await put(source, key, "bad");
  const scope = { include: ["photos/2026/*"] };
  await using session = await openBuckets(source, BUCKETS);
  await expect(restoreBuckets(session, backup, { scope })).rejects.toMatchObject({
    code: "TARGET_NOT_EMPTY",
  });
  await restoreBuckets(session, backup, { guard: "replace", scope });
  const { Contents = [] } = await source.client.send(new ListObjectsV2Command({ Bucket: "photos" }));
  expect(Contents.map(({ Key }) => Key)).toEqual(["2025/a", "2026/a", "2026/b"]);
  const history = await listVersions(source.client, "photos");
  expect(history.filter(({ key }) => key === "2026/a").map(({ isMarker }) => isMarker)).toEqual([
    ...[false, false, true],
    false,
  ]);
  expect(history.filter(({ key }) => key === "2025/a")).toHaveLength(2);
});

it("puts a bucket beside the live one under a name that a bucket may have", async () => {
  await put(source, "a", "good");
  const backup = await dumpBuckets(source, BUCKETS);
  await put(source, "a", "bad");
  await using session = await openBuckets(source, BUCKETS);
  await restoreBuckets(session, backup, { scope: { beside: "20261127T0400" } });
  const judged = (await judgeS3(source)) as Record<string, { objects: unknown[] }>;
  expect(Object.keys(judged)).toEqual(["photos", "photos-recovered-20261127t0400"]);
  expect(judged["photos-recovered-20261127t0400"]?.objects).toHaveLength(1);
  expect(judged["photos-recovered-20261127t0400"]).not.toEqual(judged.photos);
});

it("proves a backup on a drill's server, and sees there what should not be", async () => {
  await put(source, "a", "good");
  const backup = await dumpBuckets(source, BUCKETS);
  await using drill = await openDrill(target);
  await restoreBuckets(drill, backup);
  expect(await drill.fingerprint()).toEqual(backup.summary.fingerprint);
  await makeBucket(target, "stranger");
  expect(Object.keys(await drill.fingerprint())).toEqual(["photos", "stranger"]);
});
