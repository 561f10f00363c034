import { PassThrough } from "node:stream";
import { describe, expect, it, vi } from "vitest";
import { compress, decompress } from "../../../lambda/engine/stream/codec.ts";
import { collect, exactly } from "../../../lambda/engine/stream/limits.ts";
import { digestOf, makeMeter } from "../../../lambda/engine/stream/meter.ts";
import {
  type Bytes,
  chain,
  type Stage,
  throughStream,
  untilAborted,
} from "../../../lambda/engine/stream/stage.ts";
import { bytesOf, makeRandomBytes } from "../../support/bytes.ts";

const live = new AbortController().signal;

/** A source that tells how often it was closed. */
function watched(chunks: AsyncIterable<Uint8Array>) {
  const state = { returned: 0 };
  const source: Bytes = {
    [Symbol.asyncIterator]() {
      const iterator = chunks[Symbol.asyncIterator]();
      return {
        next: () => iterator.next(),
        async return() {
          state.returned += 1;
          await iterator.return?.();
          return { done: true as const, value: undefined };
        },
      };
    },
  };
  return { source, state };
}

const endless = async function* endless() {
  for (;;) yield makeRandomBytes(1, 100_000);
};
const failing = async function* failing() {
  yield makeRandomBytes(2, 100_000);
  throw new Error("the source broke");
};
const stuck = async function* stuck() {
  yield makeRandomBytes(3, 100_000);
  await new Promise(() => undefined);
};

const stages: [string, (signal: AbortSignal) => Stage][] = [
  ["compress zstd", (signal) => compress("zstd", signal)],
  ["compress gzip", (signal) => compress("gzip", signal)],
  ["compress none", (signal) => compress("none", signal)],
  ["untilAborted", (signal) => untilAborted(signal)],
  ["throughStream", (signal) => throughStream(() => new PassThrough(), signal)],
  [
    "a chain of all",
    (signal) => (source) =>
      chain(
        source,
        untilAborted(signal),
        makeMeter().stage,
        compress("zstd", signal),
        decompress("zstd", signal),
        exactly(1e9, "x"),
      ),
  ],
];

describe.each(stages)("%s", (_, make) => {
  it("closes its source when its reader stops early", async () => {
    const { source, state } = watched(endless());
    for await (const chunk of make(live)(source)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(state.returned).toBe(1);
  });

  it("passes an error of its source on to its reader", async () => {
    await expect(collect(make(live)(failing()), 1e9, "x")).rejects.toThrow("the source broke");
  });

  it("closes its source when its reader fails", async () => {
    const { source, state } = watched(endless());
    const reading = async () => {
      for await (const _chunk of make(live)(source)) throw new Error("the reader broke");
    };
    await expect(reading()).rejects.toThrow("the reader broke");
    expect(state.returned).toBe(1);
  });

  it("ends with Cancelled and closes its source when it is told to stop, even while that is stuck", async () => {
    const controller = new AbortController();
    const { source, state } = watched(stuck());
    const reading = collect(make(controller.signal)(source), 1e9, "x");
    setTimeout(() => controller.abort(), 20);
    await expect(reading).rejects.toMatchObject({ name: "Cancelled", code: "ABORTED" });
    // A stuck source is told to close, but not waited for.
    await vi.waitFor(() => expect(state.returned).toBe(1));
  });

  it("reads nothing when it was told to stop before", async () => {
    let reads = 0;
    const source = async function* counted() {
      reads += 1;
      yield Buffer.from("x");
    };
    await expect(collect(make(AbortSignal.abort())(source()), 10, "x")).rejects.toMatchObject({
      name: "Cancelled",
    });
    expect(reads).toBe(0);
  });
});

describe("a meter", () => {
  it("tells size and digest of what passed", async () => {
    const bytes = makeRandomBytes(4, 100_000);
    const meter = makeMeter();
    expect((await collect(chain(bytesOf(bytes, 999), meter.stage), 1e9, "x")).equals(bytes)).toBe(true);
    expect(meter.measured()).toEqual({ bytes: 100_000, sha256: digestOf(bytes) });
  });

  it("refuses to speak before the end", async () => {
    const meter = makeMeter();
    for await (const _ of meter.stage(bytesOf(makeRandomBytes(5, 10), 5))) break;
    expect(() => meter.measured()).toThrow(/before it was read to its end/);
  });
});

describe("exactly", () => {
  const pass = (length: number, expected: number) =>
    collect(chain(bytesOf(Buffer.alloc(length), 3), exactly(expected, "the artifact x")), 1e9, "x");

  it.each([0, 1, 3, 10])("passes %d bytes where so many are expected", async (length) => {
    expect(await pass(length, length)).toHaveLength(length);
  });

  it.each([
    [9, 10, "STREAM_TRUNCATED"],
    [0, 1, "STREAM_TRUNCATED"],
    [11, 10, "SIZE_MISMATCH"],
    [1, 0, "SIZE_MISMATCH"],
  ])("refuses %d bytes where %d are expected", async (length, expected, code) => {
    await expect(pass(length, expected)).rejects.toMatchObject({
      name: "IntegrityError",
      code,
      message: expect.stringContaining("the artifact x"),
    });
  });
});

describe("collect", () => {
  it("refuses more than its limit", async () => {
    await expect(collect(bytesOf(Buffer.alloc(11), 4), 10, "x")).rejects.toMatchObject({
      name: "IntegrityError",
    });
    expect(await collect(bytesOf(Buffer.alloc(10), 4), 10, "x")).toHaveLength(10);
  });
});
