import { CreateStateMachineCommand, StartExecutionCommand, StopExecutionCommand } from "@aws-sdk/client-sfn";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  makeExecutions,
  makeStepFunctionsClient,
  makeTaskTokens,
} from "../../../lambda/handlers/aws/step-functions.ts";
import { executionArn, NEVER } from "../../support/job-world.ts";
import { startTestAws } from "../../support/local-aws.ts";

const WAITS = { Type: "Wait", Seconds: 30, End: true };
const SUCCEEDS = { Type: "Succeed" };

let aws: Awaited<ReturnType<typeof startTestAws>>;
let client: ReturnType<typeof makeStepFunctionsClient>;
beforeAll(async () => {
  aws = await startTestAws();
  client = makeStepFunctionsClient(aws.client);
});
afterAll(() => aws?.stop());

async function start(name: string, only: object): Promise<string> {
  const { stateMachineArn } = await client.send(
    new CreateStateMachineCommand({
      name,
      roleArn: "arn:aws:iam::000000000000:role/test",
      definition: JSON.stringify({ QueryLanguage: "JSONata", StartAt: "Only", States: { Only: only } }),
    }),
  );
  const started = await client.send(new StartExecutionCommand({ stateMachineArn, input: "{}" }));
  return started.executionArn ?? "";
}

describe("the state of an execution", () => {
  it("is running until it is stopped, then failed", async () => {
    const arn = await start("waits", WAITS);
    const executions = makeExecutions(client);
    expect(await executions.stateOf(arn, NEVER)).toBe("running");
    await client.send(new StopExecutionCommand({ executionArn: arn }));
    await expect.poll(() => executions.stateOf(arn, NEVER), { timeout: 10_000 }).toBe("failed");
  });

  it("is succeeded at its end", async () => {
    const arn = await start("succeeds", SUCCEEDS);
    const executions = makeExecutions(client);
    await expect.poll(() => executions.stateOf(arn, NEVER), { timeout: 10_000 }).toBe("succeeded");
  });

  it("is unknown where there is no such execution", async () => {
    expect(await makeExecutions(client).stateOf(executionArn("nobody"), NEVER)).toBe("unknown");
  });
});

it("says of a token for which nobody waits that nobody waits", async () => {
  const tokens = makeTaskTokens(client);
  expect(await tokens.heartbeat("no-such-token")).toBe(false);
  expect(await tokens.succeed("no-such-token", {})).toBe(false);
  expect(await tokens.fail("no-such-token", "SourceError", "test")).toBe(false);
});
