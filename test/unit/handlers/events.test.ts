import { describe, expect, it } from "vitest";
import type { Message } from "../../../lambda/engine/model/escalation.ts";
import { MemoryState } from "../../../lambda/engine/vault/memory-state.ts";
import type { EscalationStart } from "../../../lambda/handlers/aws/step-functions.ts";
import { publishOnce, SENDING_MS } from "../../../lambda/handlers/publisher.ts";
import { stopBeforeDeadline } from "../../../lambda/handlers/serve.ts";
import { endWaitOfStoppedTask } from "../../../lambda/handlers/task-stopped.ts";
import { executionArn, makeTestClock, NEVER } from "../../support/job-world.ts";

function failedEvent(changes: object = {}, machine = "demo-backup") {
  return {
    "detail-type": "Step Functions Execution Status Change",
    region: "eu-central-1",
    detail: {
      executionArn: executionArn("one", machine),
      stateMachineArn: `arn:aws:states:eu-central-1:111122223333:stateMachine:${machine}`,
      name: "one",
      status: "FAILED",
      startDate: 1_795_480_000_000,
      stopDate: 1_795_480_060_000,
      input: "{}",
      error: "BackupIncomplete",
      cause: "ledger failed at dump: SourceError: mongodb://backup:planted-secret@db refused",
      ...changes,
    },
  };
}

function makePublisher() {
  const alerts: Message[] = [];
  const calls: EscalationStart[] = [];
  const clock = makeTestClock();
  const services = {
    state: new MemoryState(),
    clock,
    contacts: [{ level: "L2" as const, name: "Platform", reach: "+20 100 000 0000" }],
    publish: async (alert: Message) => {
      alerts.push(alert);
    },
    escalate: async (start: EscalationStart) => {
      calls.push(start);
    },
  };
  return { services, alerts, calls, clock };
}

describe("the publisher of failures", () => {
  it("publishes one alert for an execution, however often and at once its event is delivered", async () => {
    const { services, alerts } = makePublisher();
    const deliveries = Array.from({ length: 5 }, () => publishOnce(failedEvent(), services, NEVER));
    await Promise.allSettled(deliveries);
    expect(await publishOnce(failedEvent(), services, NEVER)).toBe("published-before");
    expect(alerts).toHaveLength(1);
  });

  it("publishes each failed execution", async () => {
    const { services, alerts } = makePublisher();
    await publishOnce(failedEvent(), services, NEVER);
    await publishOnce(failedEvent({ executionArn: executionArn("two"), name: "two" }), services, NEVER);
    expect(alerts).toHaveLength(2);
  });

  it("goes on, at a later delivery, where a publisher was killed before it sent", async () => {
    const { services, alerts, clock } = makePublisher();
    const killed = { ...services, publish: () => Promise.reject(new Error("killed")) };
    await expect(publishOnce(failedEvent(), killed, NEVER)).rejects.toThrow("killed");
    await expect(publishOnce(failedEvent(), services, NEVER)).rejects.toMatchObject({ code: "CHANGED" });
    clock.advance(SENDING_MS);
    expect(await publishOnce(failedEvent(), services, NEVER)).toBe("published");
    expect(alerts).toHaveLength(1);
  });

  it("tells what failed, why, where and what to do, without secrets", async () => {
    const { services, alerts } = makePublisher();
    await publishOnce(failedEvent(), services, NEVER);
    const [alert] = alerts;
    expect(alert?.subject).toBe("[error] demo-backup failed: BackupIncomplete");
    for (const part of [
      "ledger failed at dump",
      executionArn("one"),
      "Next: aws stepfunctions get-execution-history",
      "L2: Platform, +20 100 000 0000",
    ])
      expect(alert?.text).toContain(part);
    expect(alert?.text).not.toContain("planted-secret");
    expect(alert?.attributes).toMatchObject({ severity: "error", machine: "demo-backup", status: "FAILED" });
  });

  it("is critical when bytes are not what they were", async () => {
    const { services, alerts } = makePublisher();
    await publishOnce(
      failedEvent({ cause: "ledger failed at check: IntegrityError: DIGEST_MISMATCH" }),
      services,
      NEVER,
    );
    expect(alerts[0]?.attributes.severity).toBe("critical");
  });

  const critical = failedEvent({ cause: "ledger failed at check: IntegrityError: DIGEST_MISMATCH" });

  it("has people called for what is critical, and for nothing else", async () => {
    const { services, calls } = makePublisher();
    await publishOnce(failedEvent(), services, NEVER);
    expect(calls).toEqual([]);
    await publishOnce(critical, services, NEVER);
    expect(calls).toMatchObject([{ about: expect.stringContaining("DIGEST_MISMATCH") }]);
  });

  it("calls under one name, however often the event is delivered, also after the alert was sent", async () => {
    const { services, alerts, calls } = makePublisher();
    const killed = { ...services, escalate: () => Promise.reject(new Error("killed")) };
    await expect(publishOnce(critical, killed, NEVER)).rejects.toThrow("killed");
    for (let delivery = 0; delivery < 2; delivery++)
      expect(await publishOnce(critical, services, NEVER)).toBe("published-before");
    expect(alerts).toHaveLength(1);
    expect(new Set(calls.map(({ name }) => name)).size).toBe(1);
    // Source: API reference of Step Functions, StartExecution: a name has at most 80 characters.
    expect(calls[0]?.name).toMatch(/^[a-z0-9-]{1,80}$/);
  });

  it("calls nobody because nobody answered a call", async () => {
    const { services, alerts, calls } = makePublisher();
    const cause = "Nobody took over the escalation one. It is about: IntegrityError: DIGEST_MISMATCH";
    await publishOnce(failedEvent({ error: "NobodyAnswered", cause }, "demo-escalate"), services, NEVER);
    expect(alerts).toHaveLength(1);
    expect(calls).toEqual([]);
  });

  it("calls nobody where the estate does not want it", async () => {
    const { services, alerts } = makePublisher();
    const { escalate: _, ...silent } = services;
    await publishOnce(critical, silent, NEVER);
    expect(alerts).toHaveLength(1);
  });

  it("warns of the app's state and names the resume when a recovery was stopped", async () => {
    const { services, alerts } = makePublisher();
    const event = failedEvent({ status: "ABORTED", error: undefined, cause: undefined }, "demo-recover");
    await publishOnce(event, services, NEVER);
    expect(alerts[0]?.text).toContain("The app may be stopped");
    expect(alerts[0]?.text).toContain('{"resume":"one","mode":"execute"}');
  });

  it("names a plan instead of the resume when a recovery met bytes that are not what they were", async () => {
    const { services, alerts } = makePublisher();
    await publishOnce(failedEvent({ error: "IntegrityError" }, "demo-recover"), services, NEVER);
    expect(alerts[0]?.text).toMatch(/Next: do not repeat it.* '\{"mode":"plan"\}'/);
    expect(alerts[0]?.text).not.toContain("resume");
  });

  it("refuses an event that is no failure", async () => {
    const { services } = makePublisher();
    await expect(publishOnce(failedEvent({ status: "SUCCEEDED" }), services, NEVER)).rejects.toThrow();
  });
});

describe("a stopped task", () => {
  const event = (environment: object[]) => ({
    detail: {
      taskArn: "arn:aws:ecs:eu-central-1:111122223333:task/demo/1",
      stoppedReason: "Essential container in task exited",
      containers: [{ name: "worker", exitCode: 137, reason: "OutOfMemoryError" }],
      overrides: { containerOverrides: [{ name: "worker", environment }] },
    },
  });
  const request = { name: "JOB_REQUEST", value: JSON.stringify({ job: "dump", taskToken: "token-1" }) };

  it("ends the wait for its token by the name WorkerStopped", async () => {
    const sent: string[][] = [];
    const fail = async (...args: string[]) => {
      sent.push(args);
      return true;
    };
    expect(await endWaitOfStoppedTask(event([request]), { fail })).toBe(true);
    expect(sent).toEqual([
      ["token-1", "WorkerStopped", expect.stringContaining("worker: exit code 137 (OutOfMemoryError)")],
    ]);
  });

  it("is left alone when it answered before, or never had a token", async () => {
    expect(await endWaitOfStoppedTask(event([request]), { fail: async () => false })).toBe(false);
    const never = () => Promise.reject(new Error("nobody waits"));
    expect(await endWaitOfStoppedTask(event([]), { fail: never })).toBe(false);
    expect(await endWaitOfStoppedTask(event([{ ...request, value: "no JSON" }]), { fail: never })).toBe(
      false,
    );
  });
});

describe("the deadline of a function", () => {
  it("stops the work before the function is killed, by a SourceError", async () => {
    const { signal } = stopBeforeDeadline({ getRemainingTimeInMillis: () => 50 });
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    expect(signal.reason).toMatchObject({ name: "SourceError", code: "TIMED_OUT" });
  });
});
