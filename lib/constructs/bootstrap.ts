/**
 * What a task runs by `node -e`: fetches the one-file worker bundle, refuses it when its SHA-256 is not the one
 * of the task definition, and imports it. The AWS SDK is the one that the image carries for Lambda functions.
 */
export const WORKER_BOOTSTRAP = `
const image = require("node:module").createRequire("/var/runtime/node_modules/");
const { S3Client, GetObjectCommand } = image("@aws-sdk/client-s3");
const { createHash } = require("node:crypto");
const { mkdtempSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
(async () => {
  const { BUNDLE_BUCKET: Bucket, BUNDLE_KEY: Key, BUNDLE_SHA256: expected } = process.env;
  const { Body } = await new S3Client({}).send(new GetObjectCommand({ Bucket, Key }));
  const bytes = await Body.transformToByteArray();
  const got = createHash("sha256").update(bytes).digest("hex");
  if (got !== expected) throw new Error("The worker bundle s3://" + Bucket + "/" + Key + " has SHA-256 " + got + ", expected " + expected);
  const file = join(mkdtempSync(join(require("node:os").tmpdir(), "worker-")), "worker.mjs");
  writeFileSync(file, bytes);
  await import(require("node:url").pathToFileURL(file));
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
`.trim();
