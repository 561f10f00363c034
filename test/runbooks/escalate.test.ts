import { describe, expect, test } from "vitest";
import { escalateMachine } from "../../runbooks/escalate.ts";
import type { JsonObject } from "../../runbooks/steps/asl.ts";
import { BINDINGS, EXECUTION, estateService, failsWith, type Script } from "../support/asl/estate.ts";
import { interpret } from "../support/asl/interpret.ts";
import type { Answer } from "../support/asl/types.ts";

const WAITS = { L1: 600, L2: 1200, L3: 1800 };
const MACHINE = escalateMachine({ ...BINDINGS, waits: { ...BINDINGS.waits, escalationSeconds: WAITS } });
const ABOUT = { about: "the restore hangs" };
const SILENCE: Answer = { kind: "silence" };

function run(script: Script = {}, input: JsonObject = ABOUT) {
  const { service, requests } = estateService(script);
  return interpret(MACHINE, input, EXECUTION, service).then((ending) => ({ ending, requests }));
}

const answeredBy = (level: string): Script => ({
  "call-contacts": (request) => ("level" in request && request.level === level ? undefined : SILENCE),
});

describe("an escalation", () => {
  test("ends with the first level when that one answers", async () => {
    const { ending, requests } = await run();
    expect(ending.status).toBe("SUCCEEDED");
    expect(ending.output).toMatchObject({ takenBy: "Omar", level: "L1" });
    expect(requests.map(({ job }) => job)).toEqual(["open-escalation", "call-contacts"]);
  });

  test("calls each next level when its waiting time is over, and not before", async () => {
    const { ending } = await run(answeredBy("L3"));
    const called = ending.calls.filter(({ state }) => state.startsWith("Call "));
    expect(called.map(({ state }) => state)).toEqual(["Call L1", "Call L2", "Call L3"]);
    const [first, second, third] = called.map(({ atSeconds }) => atSeconds);
    expect((second ?? 0) - (first ?? 0)).toBe(WAITS.L1);
    expect((third ?? 0) - (second ?? 0)).toBe(WAITS.L2);
    expect(ending.status).toBe("SUCCEEDED");
  });

  test("is failed, with what it was about, when nobody answers", async () => {
    const { ending } = await run(answeredBy("nobody"));
    expect(ending.error).toBe("NobodyAnswered");
    expect(ending.cause).toContain("the restore hangs");
    expect(ending.cause).toContain("telephone");
  });

  test("goes on to the next level when one cannot be called", async () => {
    const { ending } = await run({
      "call-contacts": (request) =>
        "level" in request && request.level === "L1" ? failsWith("VaultError") : undefined,
    });
    expect(ending.status).toBe("SUCCEEDED");
    expect(ending.calls.map(({ state }) => state)).toContain("Call L2");
  });

  test("calls nobody when the input is wrong", async () => {
    const { ending } = await run({ "open-escalation": () => failsWith("RefusedError") });
    expect(ending.error).toBe("EscalationNotOpened");
    expect(ending.calls).toHaveLength(1);
  });

  test("started with an acknowledgement, gives that answer and calls nobody", async () => {
    const { ending, requests } = await run({}, { acknowledge: "run-0", by: "Omar" });
    expect(ending.status).toBe("SUCCEEDED");
    expect(requests).toMatchObject([{ job: "acknowledge", input: { acknowledge: "run-0", by: "Omar" } }]);
  });

  test("an acknowledgement that reaches nobody is a failure", async () => {
    const { ending } = await run({ acknowledge: () => failsWith("RefusedError") }, { acknowledge: "run-0" });
    expect(ending.error).toBe("NotTakenOver");
  });
});
