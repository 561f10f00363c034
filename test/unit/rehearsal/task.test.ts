import type { Task, TaskDefinition } from "@aws-sdk/client-ecs";
import { expect, test } from "vitest";
import { playImage } from "../../../rehearsal/agent/image.ts";
import { planTask, withRealPort } from "../../../rehearsal/agent/task.ts";

const worker = { name: "worker", image: "public.ecr.aws/lambda/nodejs:24", entryPoint: ["node", "-e", "1"] };
const server = {
  name: "drill-server",
  image: "public.ecr.aws/docker/library/mongo:7",
  command: ["mongod", "--port", "27018"],
};

function taskWith(request: object): Task {
  const environment = [{ name: "JOB_REQUEST", value: JSON.stringify(request) }];
  return { taskArn: "arn:task/1", overrides: { containerOverrides: [{ name: "worker", environment }] } };
}

test("a task is its worker and the database servers beside it, with the overrides of each", () => {
  const definition: TaskDefinition = { family: "drill", containerDefinitions: [worker, server] };
  const plan = planTask(taskWith({ job: "drill", taskToken: "t" }), definition);
  expect(plan.worker).toMatchObject({
    command: ["node", "-e", "1"],
    environment: { JOB_REQUEST: expect.any(String) },
  });
  expect(plan.sidecars).toMatchObject([{ name: "drill-server", port: 27018, environment: {} }]);
  expect(plan.request).toEqual({ job: "drill", taskToken: "t" });
});

test("the execution that waits is found anywhere in the request", () => {
  const plan = planTask(taskWith({ run: { executionArn: "arn:run" } }), { containerDefinitions: [worker] });
  expect(plan.executionArn).toBe("arn:run");
  expect(
    planTask(taskWith({ job: "check" }), { containerDefinitions: [worker] }).executionArn,
  ).toBeUndefined();
});

test("a task without one worker is refused", () => {
  expect(() => planTask({}, { family: "odd", containerDefinitions: [server] })).toThrow(
    "one worker was expected",
  );
  expect(() => planTask({}, { containerDefinitions: [worker, { ...worker, name: "other" }] })).toThrow(
    "other",
  );
});

test("only the declared port becomes the real one", () => {
  const environment = {
    A: "27017",
    B: "127.0.0.1:27017",
    C: "mongodb://localhost:27017/x",
    D: "127017",
    E: "2701",
  };
  expect(withRealPort(environment, 27017, 5)).toEqual({
    A: "5",
    B: "127.0.0.1:5",
    C: "mongodb://localhost:5/x",
    D: "127017",
    E: "2701",
  });
});

test("a worker sees the environment of its task and its image, and nothing of this machine's", () => {
  const environment = { NODE_PATH: "/var/runtime/node_modules", BUNDLE_KEY: "k" };
  const { command, env } = playImage(
    { name: "worker", image: "", command: ["node"], environment },
    "/empty",
    environment,
  );
  expect(command).toBe(process.execPath);
  expect(Object.keys(env).sort()).toEqual(
    ["AWS_EXECUTION_ENV", "BUNDLE_KEY", "HOME", "LANG", "NODE_PATH", "PATH", "TMPDIR"].sort(),
  );
  expect(env.NODE_PATH).toMatch(/node_modules$/);
  expect(env.NODE_PATH).not.toContain("/var/runtime");
});
