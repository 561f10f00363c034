import type { IncomingMessage } from "node:http";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collect } from "../../../lambda/engine/stream/limits.ts";
import { digestOf } from "../../../lambda/engine/stream/meter.ts";
import { bytesOf, makeRandomBytes } from "../../support/bytes.ts";
import { type S3VaultUnderTest, startS3Vault, TEST_CALL_ATTEMPTS, TEST_SILENCE_MS } from "./s3-world.ts";

const MIB = 1024 ** 2;
const SLOW_DOWN = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
const { signal } = new AbortController();
const options = () => ({ signal, lockedUntil: new Date(Date.now() + 3_600_000) });

const asks =
  (method: string, key: string, query = "") =>
  (incoming: IncomingMessage) =>
    incoming.method === method && (incoming.url ?? "").includes(key) && (incoming.url ?? "").includes(query);

describe("the vault on S3, when the way there fails", () => {
  let world: S3VaultUnderTest;
  beforeAll(async () => {
    world = await startS3Vault();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const put = (key: string, bytes: Buffer) => world.vault.putStream(key, bytesOf(bytes, MIB), options());
  const get = (ref: { key: string; versionId: string }) =>
    collect(world.vault.read(ref, signal), 100 * MIB, ref.key);
  const strike = async (work: () => Promise<unknown>) => {
    const before = world.proxy.struck();
    await work();
    return world.proxy.struck() - before;
  };

  it.each([
    ["an object in one piece", "PUT", "data/busy-whole", 1000],
    ["a part", "PUT", "data/busy-part", 20 * MIB],
    ["the completion of an upload", "POST", "data/busy-complete", 20 * MIB],
  ])("sends %s again after 503 SlowDown", async (_, method, key, length) => {
    world.proxy.inject({
      when: asks(method, key),
      fault: { kind: "answer", status: 503, body: SLOW_DOWN },
      times: 2,
    });
    const bytes = makeRandomBytes(11, length);
    const struck = await strike(async () => {
      const stored = await put(key, bytes);
      expect((await get(stored)).equals(bytes)).toBe(true);
    });
    expect(struck).toBe(2);
  });

  it("gives up with UNAVAILABLE after a bounded number of 503 and leaves nothing", async () => {
    world.proxy.inject({
      when: asks("PUT", "data/down", "partNumber=2"),
      fault: { kind: "answer", status: 503, body: SLOW_DOWN },
      times: 1000,
    });
    const struck = await strike(async () => {
      await expect(put("data/down", makeRandomBytes(12, 20 * MIB))).rejects.toMatchObject({
        name: "VaultError",
        code: "UNAVAILABLE",
      });
    });
    expect(struck).toBe(TEST_CALL_ATTEMPTS);
    expect(await world.leftovers("data/down")).toEqual([]);
  }, 60_000);

  // Larger than a part: the kernel takes the last 4 MiB at once, and the client sees nothing of them leave.
  it("sends for longer than silence is borne, on a line that is slow but never silent", async () => {
    const seconds = (3 * TEST_SILENCE_MS) / 1000;
    const Body = makeRandomBytes(20, 24 * MIB);
    const Key = "data/slow";
    world.proxy.inject({
      when: asks("PUT", Key),
      fault: { kind: "throttle", bytesPerSecond: Body.length / seconds },
      times: 1000,
    });
    const struck = await strike(async () => {
      const command = new PutObjectCommand({ Bucket: world.bucket, Key, Body });
      const { VersionId: versionId = "" } = await world.client.send(command);
      expect((await get({ key: Key, versionId })).equals(Body)).toBe(true);
    });
    expect(struck).toBe(1);
  }, 60_000);

  it("gives up an object that nobody answers, after a bounded number of silences", async () => {
    world.proxy.inject({
      when: asks("PUT", "data/silent"),
      fault: { kind: "delay", delayMs: 3 * TEST_SILENCE_MS },
      times: TEST_CALL_ATTEMPTS,
    });
    const struck = await strike(async () => {
      await expect(put("data/silent", makeRandomBytes(21, 1000))).rejects.toMatchObject({
        name: "VaultError",
        code: "UNAVAILABLE",
      });
    });
    expect(struck).toBe(TEST_CALL_ATTEMPTS);
  }, 60_000);

  it("tries the abort of a failed upload again", async () => {
    world.proxy.inject({
      when: asks("DELETE", "data/abort-again"),
      fault: { kind: "answer", status: 503, body: SLOW_DOWN },
      times: TEST_CALL_ATTEMPTS + 1,
    });
    const failing = async function* failing() {
      yield* bytesOf(makeRandomBytes(13, 20 * MIB), MIB);
      throw new Error("the source broke");
    };
    await expect(world.vault.putStream("data/abort-again", failing(), options())).rejects.toThrow(
      "the source broke",
    );
    expect(await world.leftovers("data/abort-again")).toEqual([]);
  }, 60_000);

  it("does not hide that an upload could not be aborted", async () => {
    world.proxy.inject({
      when: asks("DELETE", "data/abort-never"),
      fault: { kind: "answer", status: 403, body: "<Error><Code>AccessDenied</Code></Error>" },
      times: 1000,
    });
    const failing = async function* failing() {
      yield* bytesOf(makeRandomBytes(14, 20 * MIB), MIB);
      throw new Error("the source broke");
    };
    await expect(world.vault.putStream("data/abort-never", failing(), options())).rejects.toMatchObject({
      name: "VaultError",
      message: expect.stringMatching(/the source broke.*could not be aborted/),
    });
    expect(await world.leftovers("data/abort-never")).toHaveLength(1);
  }, 60_000);

  it("takes a body up again at the next byte after every broken connection", async () => {
    const bytes = makeRandomBytes(15, 12 * MIB);
    const stored = await put("data/cut", bytes);
    for (const afterBytes of [0, 3 * MIB + 1, 6 * MIB])
      world.proxy.inject({ when: asks("GET", "data/cut"), fault: { kind: "cut", afterBytes } });
    const struck = await strike(async () => {
      expect(digestOf(await get(stored))).toBe(stored.sha256);
    });
    expect(struck).toBe(3);
  });

  it("takes a body up again as often as it breaks off, as long as new bytes arrive", async () => {
    const cuts = 9;
    const stored = await put("data/cut-often", makeRandomBytes(23, 10 * MIB));
    for (let cut = 1; cut <= cuts; cut += 1)
      world.proxy.inject({
        when: asks("GET", "data/cut-often"),
        fault: { kind: "cut", afterBytes: cut * MIB },
      });
    const struck = await strike(async () => {
      expect(digestOf(await get(stored))).toBe(stored.sha256);
    });
    expect(struck).toBe(cuts);
  }, 60_000);

  it("gives up a body that breaks off every time", async () => {
    const stored = await put("data/cut-always", makeRandomBytes(16, MIB));
    world.proxy.inject({
      when: asks("GET", "data/cut-always"),
      fault: { kind: "cut", afterBytes: 1000 },
      times: 1000,
    });
    await expect(get(stored)).rejects.toMatchObject({ name: "VaultError", code: "UNAVAILABLE" });
  }, 60_000);

  it("shows a flipped bit of a body in its digest", async () => {
    const stored = await put("data/flip", makeRandomBytes(17, MIB));
    world.proxy.inject({ when: asks("GET", "data/flip"), fault: { kind: "flip", atByte: 500_000 } });
    const read = await get(stored);
    expect(read).toHaveLength(MIB);
    expect(digestOf(read)).not.toBe(stored.sha256);
    expect(digestOf(await get(stored))).toBe(stored.sha256);
  });

  it.each([
    ["an object in one piece", "data/sent-flipped-whole", 1000],
    ["a part", "data/sent-flipped-part", 20 * MIB],
  ])("stores nothing of %s whose bytes change on the way", async (_, key, length) => {
    world.proxy.inject({
      when: asks("PUT", key),
      fault: { kind: "flip", atByte: 500, in: "request" },
      times: TEST_CALL_ATTEMPTS,
    });
    await expect(put(key, makeRandomBytes(18, length))).rejects.toMatchObject({
      name: "IntegrityError",
      code: "DIGEST_MISMATCH",
    });
    expect(await world.leftovers(key)).toEqual([]);
  });

  it("knows its own commit again when the answer was lost", async () => {
    const key = "manifests/lost.json";
    world.proxy.inject({ when: asks("PUT", key), fault: { kind: "lose-answer" } });
    const ref = await world.vault.commit(key, Buffer.from("{}"), options());
    expect((await get(ref)).toString()).toBe("{}");
    expect(await world.leftovers(key)).toEqual([key]);
  });

  it("fails with UNAVAILABLE when the answer to the completion was lost and nothing can be looked up", async () => {
    const key = "data/lost-lookup";
    world.proxy.inject({ when: asks("POST", key, "uploadId="), fault: { kind: "lose-answer" } });
    // The local AWS completes an upload twice; S3 knows it no more.
    world.proxy.inject({
      when: asks("POST", key, "uploadId="),
      fault: { kind: "answer", status: 404, body: "<Error><Code>NoSuchUpload</Code></Error>" },
    });
    world.proxy.inject({
      when: asks("GET", world.bucket, "versions"),
      fault: { kind: "answer", status: 503, body: SLOW_DOWN },
      times: TEST_CALL_ATTEMPTS,
    });
    const struck = await strike(async () => {
      await expect(put(key, makeRandomBytes(22, 20 * MIB))).rejects.toMatchObject({
        name: "VaultError",
        code: "UNAVAILABLE",
      });
    });
    expect(struck).toBe(2 + TEST_CALL_ATTEMPTS);
  });

  it("finds its own object when the answer to the completion was lost", async () => {
    const key = "data/lost-completion";
    const bytes = makeRandomBytes(19, 20 * MIB);
    world.proxy.inject({ when: asks("POST", key, "uploadId="), fault: { kind: "lose-answer" } });
    const stored = await put(key, bytes);
    expect((await get(stored)).equals(bytes)).toBe(true);
    expect(await world.leftovers(key)).toEqual([key]);
  });
});
