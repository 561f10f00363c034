import type { SFNClient } from "@aws-sdk/client-sfn";
import { describe, expect, it } from "vitest";
import { findMachine } from "../../../cli/step-functions.ts";

const NEVER = new AbortController().signal;
const MACHINES = ["backup", "pre-deploy-backup", "recover"];

/** An account that has these machines, as ListStateMachines answers. */
function accountOf(...names: string[]): SFNClient {
  const stateMachines = names.map((name) => ({ name, stateMachineArn: `arn:${name}` }));
  return { send: async () => ({ stateMachines }) } as unknown as SFNClient;
}
const machinesOf = (estate: string) => MACHINES.map((machine) => `${estate}-${machine}`);

describe("the machine that a command means", () => {
  it.each(MACHINES)(
    "is %s of the only estate, though another machine's name ends so, too",
    async (machine) => {
      const account = accountOf(...machinesOf("erp"), "somebody-elses-backup");
      expect(await findMachine(account, machine, undefined, NEVER)).toBe(`arn:erp-${machine}`);
    },
  );

  it("has to be said of two estates, and is that of the estate that was said", async () => {
    const account = accountOf(...machinesOf("erp"), ...machinesOf("chat"));
    await expect(findMachine(account, "backup", undefined, NEVER)).rejects.toMatchObject({
      message: expect.stringContaining("2 machines end in -backup: erp-backup, chat-backup"),
    });
    expect(await findMachine(account, "backup", "chat", NEVER)).toBe("arn:chat-backup");
  });

  it("is refused where there is none, with the names that are there", async () => {
    await expect(findMachine(accountOf("x"), "recover", undefined, NEVER)).rejects.toMatchObject({
      message: expect.stringContaining("there are: x"),
    });
  });

  it("says in which Region region-loss is", async () => {
    await expect(findMachine(accountOf("erp-recover"), "region-loss", "erp", NEVER)).rejects.toMatchObject({
      message: expect.stringContaining("regions.replica"),
    });
  });
});
