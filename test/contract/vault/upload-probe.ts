import { makeS3Client } from "../../../lambda/engine/vault/s3-client.ts";
import { S3Vault } from "../../../lambda/engine/vault/s3-vault.ts";

/** Run as a process of its own: uploads so many MiB to an endpoint and prints its peak RSS in bytes. */
const [endpoint = "", mebibytes = "0"] = process.argv.slice(2);
const chunk = Buffer.alloc(256 * 1024, "invoice");

async function* body(): AsyncIterable<Uint8Array> {
  for (let sent = 0; sent < Number(mebibytes) * 4; sent += 1) yield chunk;
}

const client = makeS3Client({
  endpoint,
  region: "eu-central-1",
  forcePathStyle: true,
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
});
const vault = new S3Vault({ client, bucket: "sink", lockMode: "COMPLIANCE" });
const signal = AbortSignal.timeout(100_000);
const stored = await vault.putStream("data/flat", body(), {
  signal,
  lockedUntil: new Date(Date.now() + 1e8),
});
process.stdout.write(
  JSON.stringify({ storedBytes: stored.storedBytes, peakBytes: process.resourceUsage().maxRSS * 1024 }),
);
client.destroy();
