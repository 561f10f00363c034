import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { untilAborted } from "../../../lambda/engine/stream/stage.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
const CHUNKS = 200;

it("a stage holds on to none of the chunks that it has passed on", async () => {
  const passed: WeakRef<Uint8Array>[] = [];
  const source = async function* () {
    for (let number = 0; number < CHUNKS; number++) yield new Uint8Array(1024);
  };
  let alive = CHUNKS;
  for await (const chunk of untilAborted(new AbortController().signal)(source())) {
    passed.push(new WeakRef(chunk));
    if (passed.length < CHUNKS) continue;
    // A reference that was made or read stays until the end of its turn.
    await setImmediate();
    collectGarbage();
    alive = passed.filter((one) => one.deref() !== undefined).length;
  }
  expect(passed).toHaveLength(CHUNKS);
  expect(alive).toBeLessThan(5);
});
