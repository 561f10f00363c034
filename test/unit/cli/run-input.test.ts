import { describe, expect, it } from "vitest";
import { runCommandLine } from "../../../cli/main.ts";
import { type InputOptions, makeInput } from "../../../cli/run-input.ts";

const BACKUP = "20261123T020000000Z-0000000001";
const NOW = new Date("2026-11-26T08:00:30.123Z");
const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI";
const made = (machine: string, options: InputOptions = {}) => makeInput(machine, options, NOW);

describe("the input of a machine", () => {
  it.each([
    ["backup", {}, { cadence: "manual" }],
    ["backup", { source: ["a", "b"] }, { cadence: "manual", sources: ["a", "b"] }],
    [
      "backup",
      { source: ["a"], include: ["erp.a"], query: '{"year":2026}' },
      { cadence: "manual", sources: ["a"], scope: { include: ["erp.a"], query: '{"year":2026}' } },
    ],
    ["backup", { users: false }, { cadence: "manual", scope: { users: "exclude" } }],
    [
      "recover",
      { mode: "execute", source: ["a"], backup: BACKUP },
      { mode: "execute", source: "a", backupId: BACKUP },
    ],
    [
      "recover",
      { include: ["erp.*"], exclude: ["erp.tmp"], users: true, rename: ["erp.*=copy.*"], target: "scratch" },
      {
        scope: {
          include: ["erp.*"],
          exclude: ["erp.tmp"],
          users: "include",
          rename: [{ from: "erp.*", to: "copy.*" }],
        },
        target: "scratch",
      },
    ],
    [
      "complete-disaster-recovery",
      { without: ["n8n"], slices: "replay", newHost: "root@203.0.113.7:2222", newHostKey: HOST_KEY },
      {
        without: ["n8n"],
        slices: "replay",
        host: { address: "203.0.113.7", user: "root", port: 2222, hostKey: HOST_KEY },
      },
    ],
    [
      "approve",
      { run: "a", decision: "approve", newHost: "[2001:db8::7]", newHostKey: HOST_KEY },
      { runId: "a", decision: "approve", host: { address: "2001:db8::7", hostKey: HOST_KEY } },
    ],
    ["recover", { beside: "mine" }, { scope: { beside: "mine" } }],
    ["recover", { beside: true }, { scope: { beside: "20261126T080030" } }],
    [
      "recover",
      { moment: "1:1", guard: "replace", safetyBackup: "skip", space: "ignore", resume: "r", reason: "x" },
      { moment: "1:1", guard: "replace", safetyBackup: "skip", space: "ignore", resume: "r", reason: "x" },
    ],
    ["drill", { source: ["mongodb"] }, { source: "mongodb" }],
    ["drill", { set: "20261123T020000120Z-3f8w2mx7ka" }, { setId: "20261123T020000120Z-3f8w2mx7ka" }],
    ["pre-deploy-backup", {}, {}],
    ["pre-deploy-backup", { source: ["mongodb", "files"] }, { sources: ["mongodb", "files"] }],
    ["approve", { run: "r", decision: "reject" }, { runId: "r", decision: "reject" }],
    ["thaw-archive", { source: ["mongodb"] }, { source: "mongodb" }],
    [
      "thaw-archive",
      { mode: "execute", backup: BACKUP, tier: "bulk", days: 14, recovery: "execute" },
      { mode: "execute", backupId: BACKUP, tier: "bulk", days: 14, recovery: "execute" },
    ],
    ["escalate", { about: "it hangs" }, { about: "it hangs" }],
    ["escalate", { acknowledge: "r", by: "Omar" }, { acknowledge: "r", by: "Omar" }],
    ["recover", { input: '{"mode":"plan"}' }, { mode: "plan" }],
  ])("%s: %j is %j", (machine, options, input) => {
    expect(made(machine, options as InputOptions)).toEqual(input);
  });

  it.each([
    ["no object", "recover", { input: "[1]" }, /JSON object/],
    ["of too many days", "thaw-archive", { days: 31 }, /days: /],
    ["of a call and an answer", "escalate", { about: "x", acknowledge: "r", by: "Omar" }, /expected --about/],
    ["of an answer by nobody", "escalate", { acknowledge: "r" }, /expected --about/],
    ["said twice", "recover", { input: "{}", mode: "plan" }, /together with other inputs/],
    ["of two sources", "recover", { source: ["a", "b"] }, /one is taken/],
    ["a rename without its end", "recover", { rename: ["erp.*="] }, /expected <from>=<to>/],
    ["a new host without its key", "recover", { newHost: "203.0.113.7" }, /--new-host-key: expected both/],
    ["a key of no host", "recover", { newHostKey: HOST_KEY }, /--new-host-key: expected both/],
    ["a host of a drill", "disaster-drill", { newHost: "a", newHostKey: HOST_KEY }, /--new-host is no input/],
    ["for another machine", "backup", { beside: true }, /--beside is no input of backup/],
    [
      "for another machine, told once",
      "drill",
      { mode: "plan" },
      /1 fault; .*\n- --mode is no input of drill\n/,
    ],
    [
      "a query of many",
      "backup",
      { include: ["erp.*"], query: "{}" },
      /scope\.include: a query needs exactly one/,
    ],
  ])("is refused when it is %s", (_name, machine, options, fault) => {
    expect(() => made(machine, options as InputOptions)).toThrow(fault);
  });

  it("is refused with every fault at once", () => {
    const options = { query: "{}", backup: "x", rename: ["a"], beside: "a b", source: ["a", "b"] };
    const refused = { code: "INPUT_INVALID", facts: { faults: expect.any(Array) } };
    expect(() => made("recover", options)).toThrow(expect.objectContaining(refused));
    for (const part of [
      "5 faults; nothing was started",
      "--query is no input",
      "backupId",
      "--rename",
      "scope.beside",
      "--source",
    ])
      expect(() => made("recover", options)).toThrow(part);
  });
});

/** What the commands print, and what Step Functions was told. */
async function runCli(...args: string[]) {
  const [out, told, inputs]: [string[], string[], unknown[]] = [[], [], []];
  const send = async (command: { constructor: { name: string }; input: { input?: string } }) => {
    if (command.constructor.name === "ListStateMachinesCommand")
      return { stateMachines: [{ name: "demo-recover", stateMachineArn: "arn:recover" }] };
    if (command.constructor.name === "StartExecutionCommand") {
      inputs.push(JSON.parse(command.input.input ?? ""));
      return { executionArn: "arn:execution" };
    }
    if (command.constructor.name === "GetExecutionHistoryCommand") return { events: [] };
    return { status: "FAILED", error: "RefusedError", cause: "no", startDate: NOW };
  };
  const code = await runCommandLine(args, {
    now: () => NOW,
    signal: new AbortController().signal,
    env: {},
    taskRenderer: "silent",
    print: (text) => out.push(text),
    tell: (text) => told.push(text),
    openVault: () => Promise.reject(new Error("no vault")),
    openS3: () => Promise.reject(new Error("no S3")),
    openStepFunctions: async () => ({ send }) as never,
  });
  return { code, out: out.join("\n"), told: told.join("\n"), inputs };
}

describe("backup-estate run", () => {
  it("hands over what the options say", async () => {
    const { code, out, inputs } = await runCli(
      ...["run", "recover", "--include", "erp.a", "erp.b", "--beside", "--no-users", "--mode", "plan"],
    );
    expect([code, out]).toEqual([0, "arn:execution"]);
    expect(inputs).toEqual([
      { mode: "plan", scope: { include: ["erp.a", "erp.b"], users: "exclude", beside: "20261126T080030" } },
    ]);
  });

  it("lists every input in its help", async () => {
    const { code, out } = await runCli("run", "--help");
    expect(code).toBe(0);
    for (const flag of [
      "include",
      "exclude",
      "query",
      "no-users",
      "rename",
      "beside",
      "target",
      "guard",
      "moment",
    ])
      expect(out).toContain(`--${flag}`);
    for (const flag of ["safety-backup", "space", "slot", "decision"]) expect(out).toContain(`--${flag}`);
  });

  it("prints nothing but JSON where it is asked for: the execution, or how it ended", async () => {
    expect(JSON.parse((await runCli("run", "recover", "--json")).out)).toEqual({
      executionArn: "arn:execution",
    });
    const failed = await runCli("run", "recover", "--json", "--wait");
    expect(JSON.parse(failed.out)).toEqual({ status: "FAILED", error: "RefusedError", cause: "no" });
    expect(failed.code).toBe(1);
  });

  it("starts nothing when the input is wrong, and ends with 2", async () => {
    const { code, told, inputs } = await runCli("run", "recover", "--query", "{}", "--rename", "x");
    expect(code).toBe(2);
    expect(inputs).toEqual([]);
    expect(told).toMatch(/2 faults; nothing was started/);
  });
});
