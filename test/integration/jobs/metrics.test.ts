import { CloudWatchClient, GetMetricStatisticsCommand } from "@aws-sdk/client-cloudwatch";
import { afterAll, beforeAll, expect, it } from "vitest";
import { makeMetrics } from "../../../lambda/handlers/aws/metrics.ts";
import { NEVER } from "../../support/job-world.ts";
import { startTestAws } from "../../support/local-aws.ts";

let aws: Awaited<ReturnType<typeof startTestAws>>;
beforeAll(async () => {
  aws = await startTestAws();
});
afterAll(() => aws?.stop());

it("what the auditor sends is what an alarm on that name reads", async () => {
  const dimensions = { Estate: "demo", Source: "mongodb" };
  await makeMetrics(aws.client).put("FreshnessAgeSeconds", 1234, dimensions, NEVER);
  const now = Date.now();
  const { Datapoints } = await new CloudWatchClient(aws.client).send(
    new GetMetricStatisticsCommand({
      Namespace: "BackupEstate",
      MetricName: "FreshnessAgeSeconds",
      Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
      StartTime: new Date(now - 600_000),
      EndTime: new Date(now + 60_000),
      Period: 600,
      Statistics: ["Maximum"],
    }),
  );
  expect(Datapoints).toMatchObject([{ Maximum: 1234 }]);
});

it("numbers that cannot be sent are a fault of the platform, told with their name", async () => {
  const nowhere = { ...aws.client, endpoint: "http://127.0.0.1:1" };
  await expect(makeMetrics(nowhere).put("AuditRan", 1, {}, NEVER)).rejects.toMatchObject({
    name: "VaultError",
    code: "UNAVAILABLE",
    message: expect.stringContaining("AuditRan"),
  });
});

it("a sending that is cancelled says so", async () => {
  const stop = AbortSignal.abort();
  await expect(makeMetrics(aws.client).put("AuditRan", 1, {}, stop)).rejects.toMatchObject({
    name: "Cancelled",
  });
});
