import { execFile } from "node:child_process";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const MIB = 1024 ** 2;
const SMALL_MIB = 60;
const LARGE_MIB = 600;
const PROBE = join(import.meta.dirname, "upload-probe.ts");

/** Answers an upload as S3 does and forgets every byte: the local AWS would keep all of them. */
function startSink(): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    incoming.resume();
    incoming.once("end", () => {
      outgoing.setHeader("etag", '"part"');
      outgoing.setHeader("x-amz-version-id", "version-1");
      outgoing.end(bodyFor(incoming));
    });
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

function bodyFor({ method, url = "" }: IncomingMessage): string {
  if (method !== "POST") return "";
  if (url.includes("uploads"))
    return "<InitiateMultipartUploadResult><UploadId>upload-1</UploadId></InitiateMultipartUploadResult>";
  return '<CompleteMultipartUploadResult><ETag>"all"</ETag></CompleteMultipartUploadResult>';
}

describe("an upload", () => {
  let sink: Server;
  beforeAll(async () => {
    sink = await startSink();
  });
  afterAll(() => {
    sink.closeAllConnections();
    sink.close();
  });

  const probe = async (mebibytes: number) => {
    const endpoint = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`;
    const { stdout } = await promisify(execFile)(process.execPath, [PROBE, endpoint, String(mebibytes)]);
    return JSON.parse(stdout) as { storedBytes: number; peakBytes: number };
  };

  it("needs no more memory for ten times the data", async () => {
    const small = await probe(SMALL_MIB);
    const large = await probe(LARGE_MIB);
    console.info(
      `peak RSS: ${SMALL_MIB} MiB ${small.peakBytes / MIB} MiB, ${LARGE_MIB} MiB ${large.peakBytes / MIB} MiB`,
    );
    expect(large.storedBytes).toBe(LARGE_MIB * MIB);
    expect(large.peakBytes - small.peakBytes).toBeLessThan(32 * MIB);
    expect(large.peakBytes).toBeLessThan(200 * MIB);
  });
});
