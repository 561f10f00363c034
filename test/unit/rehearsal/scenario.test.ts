import { describe, expect, it } from "vitest";
import { waitFor } from "../../../rehearsal/scenario/executions.ts";
import { runScenario } from "../../../rehearsal/scenario/run.ts";
import type { Step } from "../../../rehearsal/scenario/step.ts";

/** Enough of a stream that is no terminal. */
const stream = { isTTY: false, write: () => true, once: () => stream, on: () => stream } as never;

describe("a scenario", () => {
  it("leaves Ctrl-C to the rehearsal, which closes the world before it ends", async () => {
    const before = process.listenerCount("SIGINT");
    let during = -1;
    const step: Step<null> = {
      name: "a step",
      run: async () => {
        during = process.listenerCount("SIGINT");
        return {};
      },
    };
    expect(await runScenario([step], null, stream)).toMatchObject([{ ok: true }]);
    expect(during).toBe(before);
  });

  it("stops waiting at once when it is interrupted", async () => {
    const stop = new AbortController();
    let looks = 0;
    const look = async () => {
      looks += 1;
      stop.abort(new Error("SIGINT"));
      return undefined;
    };
    await expect(waitFor("what never comes", 60, look, stop.signal)).rejects.toMatchObject({
      name: "AbortError",
    });
    expect(looks).toBe(1);
  });

  it("says what it waited for in vain", async () => {
    await expect(waitFor("what never comes", 0, async () => undefined)).rejects.toThrow("what never comes");
  });
});
