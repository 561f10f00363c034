import { describe, expect, test } from "vitest";
import { LOOKS_LIMIT, thawArchiveMachine } from "../../runbooks/thaw-archive.ts";
import {
  answers,
  BINDINGS,
  EXECUTION,
  estateService,
  failsWith,
  type Script,
  thawPlanned,
} from "../support/asl/estate.ts";
import { interpret } from "../support/asl/interpret.ts";
import type { Answer } from "../support/asl/types.ts";

const SILENCE: Answer = { kind: "silence" };
const frozen = () => answers({ state: "thawing", artifacts: 12, waiting: 3 });

async function run(script: Script = {}) {
  const { service, requests } = estateService(script);
  const ending = await interpret(thawArchiveMachine(BINDINGS), {}, EXECUTION, service);
  return { ending, jobs: requests.map(({ job }) => job) };
}

/** Frozen for so many looks, the first of which is that of the request. */
function frozenFor(looks: number, awaited: () => Answer | undefined = () => SILENCE): Script {
  let seen = 0;
  const look = () => (seen++ < looks ? frozen() : undefined);
  return { "request-thaw": look, "look-at-thaw": look, "await-thaw": awaited };
}

describe("a thaw", () => {
  test("that is only planned costs nothing, and says hours, dollars and the next command", async () => {
    const { ending, jobs } = await run({ "plan-thaw": () => answers(thawPlanned({ mode: "plan" })) });
    expect(jobs).toEqual(["plan-thaw"]);
    expect(ending.output).toMatchObject({
      plan: expect.arrayContaining(["Takes: hours"]),
      next: expect.stringMatching(/thaw-archive --input .*"mode":"execute"/),
    });
  });

  test("hands over to recover, which only plans, as soon as everything is there", async () => {
    const { ending, jobs } = await run();
    expect(jobs).toEqual(["plan-thaw", "request-thaw"]);
    const started = ending.calls.at(-1);
    expect(started?.resource).toMatch(/states:startExecution$/);
    expect(started?.arguments).toMatchObject({
      StateMachineArn: BINDINGS.recoverMachineArn,
      Name: "run-1-recover",
      Input: { source: "mongodb", backupId: thawPlanned().backup.backupId, mode: "plan" },
    });
    expect(ending.output).toMatchObject({
      recovery: expect.stringContaining(":estate-recover:run-1-recover"),
    });
  });

  test("of a sample hands over to drill, and recovers nothing", async () => {
    const { ending } = await run({ "plan-thaw": () => answers(thawPlanned({ recovery: "drill" })) });
    expect(ending.calls.at(-1)?.arguments).toMatchObject({
      StateMachineArn: BINDINGS.drillMachineArn,
      Name: "run-1-drill",
      Input: { backupId: thawPlanned().backup.backupId },
    });
    expect(JSON.stringify(ending.calls)).not.toContain(BINDINGS.recoverMachineArn);
    expect(ending.output).toMatchObject({ drill: expect.stringContaining(":estate-drill:run-1-drill") });
  });

  test("carries the recovery out where the input says so", async () => {
    const { ending } = await run({ "plan-thaw": () => answers(thawPlanned({ recovery: "execute" })) });
    expect(ending.calls.at(-1)?.arguments).toMatchObject({ Input: { mode: "execute" } });
  });

  test("goes on at the event of the last object, long before the next look is due", async () => {
    const { ending, jobs } = await run(frozenFor(1, () => undefined));
    expect(jobs).toEqual(["plan-thaw", "request-thaw", "await-thaw", "look-at-thaw"]);
    expect(ending.status).toBe("SUCCEEDED");
    expect(ending.seconds).toBeLessThan(60);
  });

  test("looks every half hour where no event comes, and goes on by what it sees", async () => {
    const { ending, jobs } = await run(frozenFor(7));
    expect(jobs.filter((job) => job === "look-at-thaw")).toHaveLength(7);
    expect(ending.status).toBe("SUCCEEDED");
    const looked = ending.calls.filter(({ state }) => state === "Look at the artifacts");
    const pauses = looked.slice(1).map(({ atSeconds }, index) => atSeconds - (looked[index]?.atSeconds ?? 0));
    for (const pause of pauses) expect(pause).toBeGreaterThanOrEqual(1800);
  });

  test("gives up after as many looks as it says, and names what is missing and the next command", async () => {
    const { ending, jobs } = await run({ "request-thaw": frozen, "look-at-thaw": frozen });
    expect(jobs.filter((job) => job === "await-thaw")).toHaveLength(LOOKS_LIMIT);
    expect(ending.error).toBe("GlacierTookTooLong");
    expect(ending.cause).toMatch(/3 of 12 artifacts.*Next: backup-estate run thaw-archive/s);
  });

  test("that cannot be waited for is looked at all the same", async () => {
    const { ending } = await run(frozenFor(1, () => failsWith("VaultError")));
    expect(ending.status).toBe("SUCCEEDED");
  });
});
