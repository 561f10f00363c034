import { CreateBucketCommand, HeadObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeS3Client } from "../../../lambda/engine/vault/s3-client.ts";
import { S3Vault } from "../../../lambda/engine/vault/s3-vault.ts";
import { startTestAws } from "../../support/local-aws.ts";

const BUCKET = "vault-of-secrets";
const SECRET_KEY = "arn:aws:kms:eu-central-1:000000000000:key/11111111-2222-3333-4444-555555555555";
const MIB = 1024 ** 2;
const options = { signal: new AbortController().signal, lockedUntil: new Date(Date.now() + 86_400_000) };

let aws: Awaited<ReturnType<typeof startTestAws>>;
let client: S3Client;

beforeAll(async () => {
  aws = await startTestAws();
  client = makeS3Client(aws.client);
  await client.send(new CreateBucketCommand({ Bucket: BUCKET, ObjectLockEnabledForBucket: true }));
});
afterAll(async () => {
  client?.destroy();
  await aws?.[Symbol.asyncDispose]();
});

async function* bodyOf(bytes: number): AsyncGenerator<Uint8Array> {
  for (let left = bytes; left > 0; left -= MIB) yield Buffer.alloc(Math.min(left, MIB), 7);
}

const makeVault = (secretKeyArn?: string) =>
  new S3Vault({ client, bucket: BUCKET, lockMode: "COMPLIANCE", secretKeyArn });

describe.each([
  ["in one piece", 1_000],
  ["in parts", 9 * MIB],
])("an artifact %s", (_, bytes) => {
  it("of secrets is encrypted with the key for them, and any other is not", async () => {
    const vault = makeVault(SECRET_KEY);
    const put = async (key: string, secrecy?: "secret") => {
      const ref = await vault.putStream(key, bodyOf(bytes), { ...options, ...(secrecy && { secrecy }) });
      return await client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: key, VersionId: ref.versionId }));
    };
    expect(await put(`data/daily/settings/${bytes}`, "secret")).toMatchObject({
      ServerSideEncryption: "aws:kms",
      SSEKMSKeyId: SECRET_KEY,
    });
    expect((await put(`data/daily/mongodb/${bytes}`)).SSEKMSKeyId).not.toBe(SECRET_KEY);
  });

  it("of secrets is stored nowhere by a worker that was given no key for them", async () => {
    const key = `data/daily/settings/refused-${bytes}`;
    const put = makeVault().putStream(key, bodyOf(bytes), { ...options, secrecy: "secret" });
    await expect(put).rejects.toMatchObject({ name: "ConfigError", code: "INVALID_ENVIRONMENT" });
    expect(await Array.fromAsync(makeVault().list(key, options.signal))).toEqual([]);
  });
});
