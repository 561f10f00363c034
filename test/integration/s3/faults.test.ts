import { createHash } from "node:crypto";
import { PutBucketTaggingCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { ObjectEntry } from "../../../lambda/engine/s3-objects/entry.ts";
import { putObject } from "../../../lambda/engine/s3-objects/put-object.ts";
import { Store } from "../../../lambda/engine/s3-objects/store.ts";
import { makeRandomBytes } from "../../support/bytes.ts";
import { makeCertificates } from "../../support/certificates.ts";
import { type FaultyProxy, startFaultyProxy } from "../../support/faulty-proxy.ts";
import { judgeS3, makeBucket, removeBuckets, startTestS3, type TestS3 } from "../../support/s3.ts";
import { dumpBuckets, openBuckets, restoreBuckets } from "../../support/s3-session.ts";

const BUCKETS = ["photos"] as const;
const LARGE_BYTES = 1024 * 1024;
let source: TestS3;
let target: TestS3;
let proxy: FaultyProxy;
/** The source, and the target, as they are reached through the proxy. */
let throughProxy: TestS3;

beforeAll(async () => {
  [source, target] = await Promise.all([startTestS3(), startTestS3()]);
});
beforeEach(async () => {
  await removeBuckets(source);
  await removeBuckets(target);
  await makeBucket(source, "photos");
});
afterEach(async () => proxy?.[Symbol.asyncDispose]());
afterAll(async () => {
  await source?.[Symbol.asyncDispose]();
  await target?.[Symbol.asyncDispose]();
});

async function startProxy(server: TestS3): Promise<void> {
  proxy = await startFaultyProxy(`http://127.0.0.1:${server.port}`);
  throughProxy = { ...server, port: Number(new URL(proxy.endpoint).port) };
}

const put = (Key: string, Body: Buffer) =>
  source.client.send(new PutObjectCommand({ Bucket: "photos", Key, Body }));

it("takes a broken read up again at its next byte, also where the server begins anew", async () => {
  // Of a version the local AWS does not heed a range.
  await removeBuckets(source);
  await makeBucket(source, "photos", "Enabled");
  await put("large", Buffer.from(Array.from({ length: LARGE_BYTES }, (_, at) => (at * 7) % 251)));
  await startProxy(source);
  proxy.inject({
    when: ({ url }) => url?.startsWith("/photos/large") === true,
    fault: { kind: "cut", afterBytes: 300_001 },
  });
  const backup = await dumpBuckets(throughProxy, BUCKETS);
  expect(proxy.struck()).toBe(1);
  await using session = await openBuckets(target, BUCKETS);
  await restoreBuckets(session, backup);
  expect(await judgeS3(target)).toEqual(await judgeS3(source));
});

it("sends a part for longer than silence is borne, on a line that is slow but never silent", async () => {
  const certificates = makeCertificates();
  proxy = await startFaultyProxy(`http://127.0.0.1:${target.port}`, certificates);
  await makeBucket(target, "photos");
  const silenceMs = 1_500;
  const body = makeRandomBytes(20, 24 * 1024 * 1024);
  proxy.inject({
    when: ({ method }) => method === "PUT",
    fault: { kind: "throttle", bytesPerSecond: (body.length / (3 * silenceMs)) * 1_000 },
    times: 1_000,
  });
  const { accessKeyId, secretAccessKey } = target;
  const place = {
    ...{ host: "127.0.0.1", port: Number(new URL(proxy.endpoint).port), region: "us-east-1" },
    credentials: { accessKeyId, secretAccessKey },
    tls: { ca: certificates.ca },
  };
  const store = new Store(place, new AbortController().signal, silenceMs);
  const sha256 = createHash("sha256").update(body).digest("hex");
  const origin = { artifact: "packs/1", offset: 0, etag: '"1"', modifiedAt: "2026-11-27T00:00:00.000Z" };
  const entry: ObjectEntry = {
    type: "object",
    ...{ bucket: "photos", key: "film", bytes: body.length, sha256 },
    ...{ headers: {}, metadata: {}, tags: [] },
    ...origin,
  };
  const upload = { bucket: "photos", entry, partBytes: body.length };
  await putObject(
    store,
    upload,
    (async function* () {
      yield body;
    })(),
  );
  store.close();
  expect(proxy.struck()).toBe(1);
  expect(await judgeS3(target)).toMatchObject({ photos: { objects: [["film", true, { sha256 }]] } });
}, 60_000);

it("makes no backup of an object that came in place of one whose read broke", async () => {
  await put("large", Buffer.alloc(LARGE_BYTES, 1));
  await startProxy(source);
  const isRead = (url: string | undefined) => url?.startsWith("/photos/large") === true;
  proxy.inject({
    when: ({ url, headers }) => isRead(url) && headers.range === undefined,
    fault: { kind: "cut", afterBytes: 300_001 },
  });
  let overwriting: Promise<unknown> | undefined;
  proxy.inject({
    when: ({ url, headers }) => {
      if (!isRead(url) || headers.range === undefined) return false;
      overwriting ??= put("large", Buffer.alloc(LARGE_BYTES, 2));
      return true;
    },
    fault: { kind: "delay", delayMs: 400 },
  });
  await expect(dumpBuckets(throughProxy, BUCKETS)).rejects.toMatchObject({
    name: "SourceError",
    code: "CONNECTION_LOST",
    message: expect.stringContaining('"large" of photos'),
  });
  expect(proxy.struck()).toBe(2);
  await overwriting;
});

it("refuses bytes that were changed on their way to the server", async () => {
  await put("small", Buffer.from("as it was"));
  const backup = await dumpBuckets(source, BUCKETS);
  await startProxy(target);
  proxy.inject({
    when: ({ method, url }) => method === "PUT" && url?.startsWith("/photos/small") === true,
    fault: { kind: "flip", atByte: 3, in: "request" },
    times: 10,
  });
  await using session = await openBuckets(throughProxy, BUCKETS);
  await expect(restoreBuckets(session, backup)).rejects.toThrow(/"small" of photos/);
  expect(proxy.struck()).toBeGreaterThan(0);
});

it("names every setting that the server would not have, once all objects are there", async () => {
  await put("a", Buffer.from("a"));
  const Tagging = { TagSet: [{ Key: "team", Value: "law" }] };
  await source.client.send(new PutBucketTaggingCommand({ Bucket: "photos", Tagging }));
  const backup = await dumpBuckets(source, BUCKETS);
  await startProxy(target);
  proxy.inject({
    when: ({ method, url }) => method === "PUT" && url?.includes("tagging") === true,
    fault: {
      kind: "answer",
      status: 400,
      body: "<Error><Code>InvalidTag</Code><Message>no</Message></Error>",
    },
  });
  await using session = await openBuckets(throughProxy, BUCKETS);
  await expect(restoreBuckets(session, backup)).rejects.toMatchObject({
    name: "IntegrityError",
    code: "WRITE_ERRORS",
    message: expect.stringMatching(/set the tags of photos.*InvalidTag/),
  });
  const judged = (await judgeS3(target)) as Record<string, { objects: unknown[] }>;
  expect(judged.photos?.objects).toHaveLength(1);
});

it.each([
  ["AUTH_FAILED", 403, "InvalidAccessKeyId", /accessKeyId/],
  ["FORBIDDEN", 403, "AccessDenied", /docs\/host.md/],
  ["UNSUPPORTED", 501, "NotImplemented", /version/],
  ["COMMAND_FAILED", 400, "MalformedXML", /log/],
] as const)("tells %s where the listing is answered with %i %s", async (code, status, name, remedy) => {
  await startProxy(source);
  proxy.inject({
    when: ({ url }) => url?.includes("list-type=2") === true,
    fault: { kind: "answer", status, body: `<Error><Code>${name}</Code><Message>told</Message></Error>` },
    times: 10,
  });
  await expect(dumpBuckets(throughProxy, BUCKETS)).rejects.toMatchObject({
    name: "SourceError",
    code,
    message: expect.stringMatching(remedy),
  });
});
