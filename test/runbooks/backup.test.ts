import { describe, expect, test } from "vitest";
import { backupMachine } from "../../runbooks/backup.ts";
import {
  answers,
  BINDINGS,
  CONFIG,
  claimed,
  EXECUTION,
  estateService,
  failsWith,
  MONGODB,
  type Script,
} from "../support/asl/estate.ts";
import { interpret } from "../support/asl/interpret.ts";

const machine = backupMachine(BINDINGS);

async function run(script: Script = {}, input: object = { cadence: "daily" }) {
  const { service, requests } = estateService(script);
  const ending = await interpret(machine, input as never, EXECUTION, service);
  return { ending, requests, jobs: requests.map(({ job }) => job) };
}

const recordOf = (requests: Awaited<ReturnType<typeof run>>["requests"]) => {
  const request = requests.find(({ job }) => job === "record");
  if (request?.job !== "record") throw new Error("Nothing was recorded");
  return request;
};

test("a part of one source is handed to the claim, and by the claim's run to the dump", async () => {
  const scope = { include: ["erp.*"], users: "exclude" } as const;
  const claim: Script["claim"] = () => {
    const made = claimed(MONGODB) as Extract<ReturnType<typeof claimed>, { outcome: "claimed" }>;
    return answers({ ...made, run: { ...made.run, scope } });
  };
  const { service, requests } = estateService({ claim });
  const ending = await interpret(backupMachine(BINDINGS), { cadence: "manual", scope }, EXECUTION, service);
  expect(ending.status).toBe("SUCCEEDED");
  expect(requests[0]).toMatchObject({ job: "claim", scope });
  expect(requests.find(({ job }) => job === "dump")).toMatchObject({ run: { scope } });
});

describe("a backup where all goes well", () => {
  test("dumps, checks and drills a Fargate source, dumps and checks a Lambda source, then records both", async () => {
    const { ending, jobs, requests } = await run();
    expect(ending.status).toBe("SUCCEEDED");
    expect(jobs).toEqual(["claim", "dump", "check", "drill", "dump", "check", "record"]);
    expect(recordOf(requests).results).toEqual([
      expect.objectContaining({ source: "mongodb", state: "verified" }),
      expect.objectContaining({ source: "config", state: "verified" }),
    ]);
    expect(ending.output).toMatchObject({ state: "complete" });
  });

  test("passes on what the schedule says: cadence, slot, sources and trigger", async () => {
    const input = {
      cadence: "hourly",
      slot: "2026-11-23T02:00:00Z",
      sources: ["mongodb"],
      trigger: "schedule estate-hourly",
    };
    const { requests } = await run({}, input);
    expect(requests[0]).toEqual({
      job: "claim",
      execution: { executionArn: EXECUTION.id, startedAt: EXECUTION.startTime },
      ...input,
    });
  });

  test("leaves out what the input does not say", async () => {
    const { requests } = await run();
    expect(Object.keys(requests[0] ?? {}).sort()).toEqual(["cadence", "execution", "job"]);
  });

  test("records a single source as a list of one", async () => {
    const { ending, requests } = await run({ claim: () => answers(claimed(CONFIG)) });
    expect(ending.status).toBe("SUCCEEDED");
    expect(recordOf(requests).results).toHaveLength(1);
  });

  test("runs at most four sources at a time", async () => {
    const many = Array.from({ length: 9 }, (_, index) => ({ ...CONFIG, source: `config-${index}` }));
    const { ending } = await run({
      claim: () => answers(claimed(...many)),
      dump: () => ({ kind: "result", value: dumpAnswer("config-0"), afterSeconds: 100 }),
    });
    // Nine sources of 101 seconds (a dump and a check) in four places take three rounds.
    expect(ending.seconds).toBe(1 + 3 * 101 + 1);
  });

  test("drills in the task definition of the source's major version", async () => {
    const { ending } = await run();
    const drill = ending.calls.find(({ state }) => state === "Drill");
    expect(drill?.arguments).toMatchObject({ TaskDefinition: BINDINGS.tasks.drill.mongodb?.["7"] });
  });
});

describe("a slot that is not ours", () => {
  test.each(["already-claimed", "covered", "skipped-overlap"] as const)(
    "%s is a success that backs nothing up and says by whom",
    async (outcome) => {
      const by = "arn:aws:states:eu-central-1:111122223333:execution:estate-backup:other";
      const { ending, jobs } = await run({
        claim: () => answers({ outcome, slot: "2026-11-23T02:00:00Z", by }),
      });
      expect(ending).toMatchObject({ status: "SUCCEEDED", output: { outcome, by } });
      expect(jobs).toEqual(["claim"]);
    },
  );

  test("an answer of another release fails and says so", async () => {
    const { ending } = await run({ claim: () => answers({ outcome: "postponed" }) });
    expect(ending).toMatchObject({ status: "FAILED", error: "ClaimNotUnderstood" });
    expect(ending.cause).toContain("postponed");
  });
});

describe("a source that fails", () => {
  test.each(["dump", "check", "drill"] as const)(
    "at the %s leaves the other source verified and fails the run with the summary",
    async (step) => {
      const { ending, requests } = await run({
        [step]: (request: { source?: string; backup?: { source: string } }) =>
          (request.source ?? request.backup?.source) === "mongodb" ? failsWith("IntegrityError") : undefined,
      });
      expect(ending).toMatchObject({ status: "FAILED", error: "BackupIncomplete" });
      expect(ending.cause).toContain("incomplete");
      const [failed, verified] = recordOf(requests).results;
      expect(failed).toMatchObject({ source: "mongodb", state: "failed", step, error: "IntegrityError" });
      expect(failed && "backup" in failed).toBe(step !== "dump");
      expect(verified).toMatchObject({ source: "config", state: "verified" });
    },
  );

  test("whose version has no drill server says which versions there are", async () => {
    const { ending, requests } = await run({
      dump: (request) =>
        request.job === "dump" && request.source === "mongodb"
          ? answers({ ...dumpAnswer("mongodb"), major: "9" })
          : undefined,
    });
    expect(ending.error).toBe("BackupIncomplete");
    const [failed] = recordOf(requests).results;
    expect(failed).toMatchObject({ state: "failed", step: "drill", error: "ConfigError" });
    expect(failed && "cause" in failed && failed.cause).toMatch(/version 9 .*mongodb; deployed: 7\./);
  });

  test("without any drill server says so as well", async () => {
    const redis = { source: "redis", compute: "lambda", drillDue: true } as const;
    const { requests } = await run({ claim: () => answers(claimed(redis)) });
    const [failed] = recordOf(requests).results;
    expect(failed).toMatchObject({ source: "redis", state: "failed", step: "drill", error: "ConfigError" });
  });

  test("by a worker that fell silent is found by the heartbeat, long before the time-out", async () => {
    const { ending, requests } = await run({
      claim: () => answers(claimed(MONGODB)),
      dump: () => ({ kind: "silence" }),
    });
    expect(ending.error).toBe("BackupIncomplete");
    const [failed] = recordOf(requests).results;
    expect(failed).toMatchObject({ error: "States.HeartbeatTimeout" });
    expect(failed && "cause" in failed && failed.cause).toContain("No answer");
    expect(ending.seconds).toBe(1 + BINDINGS.waits.heartbeatSeconds + 1);
  });

  test("that works longer than its time-out fails by it", async () => {
    const late = { kind: "result", value: dumpAnswer("mongodb"), afterSeconds: 4 * 3600 + 1 } as const;
    const { requests } = await run({ claim: () => answers(claimed(MONGODB)), dump: () => late });
    expect(recordOf(requests).results[0]).toMatchObject({ error: "States.Timeout" });
  });

  test("with a thrown error has the message as its cause, not the JSON around it", async () => {
    const thrown = JSON.stringify({
      errorType: "SourceError",
      errorMessage: 'no "route"\nto host',
      trace: [],
    });
    const { requests } = await run({
      claim: () => answers(claimed(CONFIG)),
      dump: () => failsWith("SourceError", thrown),
    });
    expect(recordOf(requests).results[0]).toMatchObject({ cause: 'no "route"\nto host' });
  });

  test("with an endless cause is recorded with its beginning", async () => {
    const { requests } = await run({ dump: () => failsWith("SourceError", "x".repeat(30_000)) });
    for (const result of recordOf(requests).results)
      expect("cause" in result && result.cause.length).toBe(2000);
  });
});

describe("the machine itself fails", () => {
  test("a claim that cannot be made fails with its reason, and nothing is backed up", async () => {
    const { ending, jobs } = await run({ claim: () => failsWith("RefusedError", "no such source: mysql") });
    expect(ending).toMatchObject({ status: "FAILED", error: "ClaimFailed" });
    expect(ending.cause).toContain("no such source: mysql");
    expect(jobs).toEqual(["claim"]);
  });

  test("a set that cannot be recorded fails the run and says that the backups count", async () => {
    const { ending } = await run({ record: () => failsWith("VaultError") });
    expect(ending).toMatchObject({ status: "FAILED", error: "SetNotRecorded" });
    expect(ending.cause).toContain("run-1");
  });

  test("a claim without its sources breaks the run with a clear end", async () => {
    const { ending } = await run({ claim: () => answers({ ...claimed(), sources: "mongodb" }) });
    expect(ending).toMatchObject({ status: "FAILED", error: "BackupBroken" });
  });
});

function dumpAnswer(source: string) {
  const backup = {
    cadence: "daily",
    source,
    backupId: "20261123T020009001Z-0123456789",
    manifestVersionId: "v",
  };
  return { backup, major: "7", plainBytes: 1, storedBytes: 1, seconds: 1 };
}
