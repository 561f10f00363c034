import { setTimeout as pause } from "node:timers/promises";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { makeS3Client } from "../../../lambda/engine/vault/s3-client.ts";
import { S3State } from "../../../lambda/engine/vault/s3-state.ts";
import { S3Vault } from "../../../lambda/engine/vault/s3-vault.ts";
import type { ObjectRef } from "../../../lambda/engine/vault/vault.ts";
import { makeCertificates } from "../../support/certificates.ts";
import { type FaultyProxy, startFaultyProxy } from "../../support/faulty-proxy.ts";
import { startTestAws } from "../../support/local-aws.ts";
import type { StateUnderTest } from "./state-contract.ts";
import type { VaultUnderTest } from "./vault-contract.ts";

const BUCKET = "vault-under-test";
const THAW_LOOK_MS = 250;
const THAW_LOOKS_LIMIT = 60;
/** Fewer than in the field, whose growing pauses would make up most of the tests' time. */
export const TEST_CALL_ATTEMPTS = 3;
/** So short that an object on a throttled line is longer under way. */
export const TEST_SILENCE_MS = 2000;

export interface S3VaultUnderTest extends VaultUnderTest {
  readonly vault: S3Vault;
  readonly bucket: string;
  /** The vault's own, through the proxy. */
  readonly client: S3Client;
  /** Between the vault and the server; the back doors go past it. */
  readonly proxy: FaultyProxy;
}

/** A vault on a fresh local AWS: bucket with lock and versions, reached by TLS, as in the field, through a faulty proxy. */
export async function startS3Vault(): Promise<S3VaultUnderTest> {
  const aws = await startTestAws();
  const certificates = makeCertificates();
  setDefaultCACertificates([...getCACertificates("default"), certificates.ca]);
  const proxy = await startFaultyProxy(aws.endpoint, certificates);
  const direct = makeS3Client(aws.client);
  const client = makeS3Client(
    { ...aws.client, endpoint: proxy.endpoint },
    TEST_CALL_ATTEMPTS,
    TEST_SILENCE_MS,
  );
  await direct.send(new CreateBucketCommand({ Bucket: BUCKET, ObjectLockEnabledForBucket: true }));
  return {
    vault: new S3Vault({ client, bucket: BUCKET, lockMode: "COMPLIANCE" }),
    bucket: BUCKET,
    client,
    proxy,
    putDeleteMarker: async (key) => {
      await direct.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: key }));
    },
    deleteVersion: async (ref: ObjectRef) => {
      await direct.send(
        new DeleteObjectCommand({
          Bucket: BUCKET,
          Key: ref.key,
          VersionId: ref.versionId,
          BypassGovernanceRetention: true,
        }),
      );
    },
    archive: (ref) => archiveInPlace(direct, ref),
    finishThaw: (ref) => waitForThaw(direct, ref),
    leftovers: (prefix) => findLeftovers(direct, prefix),
    async [Symbol.asyncDispose]() {
      client.destroy();
      direct.destroy();
      await proxy[Symbol.asyncDispose]();
      await aws[Symbol.asyncDispose]();
    },
  };
}

/** The local AWS has no lifecycle; a copy in place is a new version in the archive. */
async function archiveInPlace(client: S3Client, { key }: ObjectRef): Promise<ObjectRef> {
  const { VersionId = "" } = await client.send(
    new CopyObjectCommand({
      Bucket: BUCKET,
      Key: key,
      CopySource: `${BUCKET}/${key}`,
      StorageClass: "GLACIER",
    }),
  );
  return { key, versionId: VersionId };
}

async function waitForThaw(client: S3Client, { key }: ObjectRef): Promise<void> {
  for (let look = 0; look < THAW_LOOKS_LIMIT; look++) {
    const { Restore = "" } = await client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: key }));
    if (Restore.includes('ongoing-request="false"')) return;
    await pause(THAW_LOOK_MS);
  }
  throw new Error(`The local AWS has not thawed ${key} after ${THAW_LOOKS_LIMIT} looks`);
}

async function findLeftovers(client: S3Client, prefix: string): Promise<string[]> {
  const { Versions = [] } = await client.send(
    new ListObjectVersionsCommand({ Bucket: BUCKET, Prefix: prefix }),
  );
  const { Uploads = [] } = await client.send(
    new ListMultipartUploadsCommand({ Bucket: BUCKET, Prefix: prefix }),
  );
  return [...Versions, ...Uploads].map(({ Key = "" }) => Key).filter((key) => key.startsWith(prefix));
}

/** A state bucket on a fresh local AWS. */
export async function startS3State(): Promise<StateUnderTest> {
  const aws = await startTestAws();
  const client = makeS3Client(aws.client);
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  await client.send(
    new PutBucketVersioningCommand({ Bucket: BUCKET, VersioningConfiguration: { Status: "Enabled" } }),
  );
  return {
    state: new S3State({ client, bucket: BUCKET }),
    async [Symbol.asyncDispose]() {
      client.destroy();
      await aws[Symbol.asyncDispose]();
    },
  };
}
