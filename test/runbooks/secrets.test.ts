import { describe, expect, test } from "vitest";
import { backupMachine } from "../../runbooks/backup.ts";
import type { MachineBindings } from "../../runbooks/bindings.ts";
import { drillMachine } from "../../runbooks/drill.ts";
import { recoverMachine } from "../../runbooks/recover.ts";
import type { Machine } from "../../runbooks/steps/asl.ts";
import {
  answers,
  BINDINGS,
  CONFIG,
  chosen,
  claimed,
  EXECUTION,
  estateService,
  MONGODB,
  planned,
  type Script,
} from "../support/asl/estate.ts";
import { interpret } from "../support/asl/interpret.ts";
import type { Call } from "../support/asl/types.ts";

const marked = <Arns extends Record<string, string>>(arns: Arns) =>
  Object.fromEntries(Object.entries(arns).map(([role, arn]) => [role, `${arn}-secret`])) as Arns;
const { approver: _, ...functions } = BINDINGS.functions;
const WITH_SECRETS: MachineBindings = {
  ...BINDINGS,
  secret: { functions: marked(functions), definitions: marked(BINDINGS.tasks.definitions) },
};

/** Of every call: the state, and whether a worker for secrets was called. */
async function run(machine: Machine, input: object, script: Script) {
  const { service } = estateService(script);
  const ending = await interpret(machine, input as never, EXECUTION, service);
  expect(ending.status).toBe("SUCCEEDED");
  return ending.calls.map(({ state, arguments: given }: Call) => {
    const { FunctionName = "", TaskDefinition = "" } = given as Record<string, string>;
    return `${state}: ${`${FunctionName}${TaskDefinition}`.endsWith("-secret") ? "secret" : "ordinary"}`;
  });
}

describe("a source that holds secrets is worked on by workers of its own", () => {
  test.each(["lambda", "fargate"] as const)("a backup, on %s, and no other source is", async (compute) => {
    const place = compute === "lambda" ? "Lambda" : "Fargate";
    const claim = () => answers(claimed({ ...CONFIG, compute, secrecy: "secret" }, MONGODB));
    const called = await run(backupMachine(WITH_SECRETS), { cadence: "daily" }, { claim });
    expect(called).toEqual([
      "Claim the slot: ordinary",
      `Dump of secrets on ${place}: secret`,
      `Check of secrets on ${place}: secret`,
      "Dump on Fargate: ordinary",
      "Check on Fargate: ordinary",
      "Drill: ordinary",
      "Record the set: ordinary",
    ]);
  });

  test("a recovery: check, safety backup, restore and comparison; planning reads no artifact", async () => {
    const plan = () => answers(planned({ approval: "not-required", secrecy: "secret", compute: "lambda" }));
    const called = await run(recoverMachine(WITH_SECRETS), { mode: "execute" }, { plan });
    expect(called.filter((call) => call.endsWith(": secret"))).toEqual([
      "Check the backup of secrets on Lambda: secret",
      "Make a safety backup of secrets on Lambda: secret",
      "Restore of secrets on Lambda: secret",
      "Compare of secrets on Lambda: secret",
    ]);
  });

  test("a drill out of turn: its check", async () => {
    const drills = chosen.drills.map((one) => ({ ...one, secrecy: "secret" as const, checkDue: true }));
    const choose = () => answers({ ...chosen, drills });
    const called = await run(drillMachine(WITH_SECRETS), {}, { "choose-drills": choose });
    expect(called.filter((call) => call.startsWith("Check"))).toEqual([
      "Check of secrets on Fargate: secret",
      "Check of secrets on Lambda: secret",
    ]);
  });
});

test("an estate without secrets has machines without such states", () => {
  for (const machine of [backupMachine(BINDINGS), recoverMachine(BINDINGS), drillMachine(BINDINGS)])
    expect(JSON.stringify(machine)).not.toContain("of secrets");
});
