import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WORKER_BOOTSTRAP } from "../../lib/constructs/bootstrap.ts";

const run = promisify(execFile);
const PROOF = "proof-that-it-ran";
const WORKER = `import { writeFileSync } from "node:fs"; writeFileSync(process.env.PROOF_FILE, "${PROOF}");`;
const LIMIT_MS = 20_000;
let server: Server;
let endpoint: string;
const asked: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.setHeader("content-length", Buffer.byteLength(WORKER));
    response.end(WORKER);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

/** As a task starts it: `node -e`, in an empty folder, with no other environment than the task's own. */
async function bootstrap(sha256: string) {
  const folder = mkdtempSync(join(tmpdir(), "bootstrap-"));
  const proofFile = join(folder, "proof");
  const script = WORKER_BOOTSTRAP.replace("/var/runtime/node_modules", resolve("node_modules"));
  const env = {
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_ENDPOINT_URL: endpoint,
    BUNDLE_BUCKET: "bundles",
    BUNDLE_KEY: "worker.mjs",
    BUNDLE_SHA256: sha256,
    PROOF_FILE: proofFile,
    TMPDIR: folder,
  };
  const outcome = await run(process.execPath, ["-e", script], { cwd: folder, env, timeout: LIMIT_MS }).then(
    () => ({ code: 0, stderr: "" }),
    (error: { code: number; stderr: string }) => ({ code: error.code, stderr: error.stderr }),
  );
  return { ...outcome, proof: existsSync(proofFile) ? readFileSync(proofFile, "utf8") : undefined };
}

test("the bootstrap fits into 1 KiB", () => {
  expect(Buffer.byteLength(WORKER_BOOTSTRAP)).toBeLessThanOrEqual(1024);
});

test("the bootstrap fetches the bundle, finds its digest right and runs it", async () => {
  const outcome = await bootstrap(createHash("sha256").update(WORKER).digest("hex"));
  expect(outcome).toEqual({ code: 0, stderr: "", proof: PROOF });
  expect(asked.at(-1)).toContain("worker.mjs");
});

test("a bundle of another digest is not run, and the task fails with both digests", async () => {
  const outcome = await bootstrap("0".repeat(64));
  expect(outcome.code).toBe(1);
  expect(outcome.proof).toBeUndefined();
  expect(outcome.stderr).toContain(createHash("sha256").update(WORKER).digest("hex"));
  expect(outcome.stderr).toContain("0".repeat(64));
});
