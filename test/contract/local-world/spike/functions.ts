import { SendTaskFailureCommand, SFNClient } from "@aws-sdk/client-sfn";
import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";

interface StoppedEvent {
  readonly detail: {
    readonly overrides: { readonly containerOverrides: { environment: { name: string; value: string }[] }[] };
  };
}

interface FailedEvent {
  readonly detail: { readonly executionArn: string; readonly status: string };
}

/** Answers the token of a task that stopped. */
export async function taskStopped(event: StoppedEvent): Promise<void> {
  const variables = event.detail.overrides.containerOverrides.flatMap(({ environment }) => environment);
  const request = variables.find(({ name }) => name === "JOB_REQUEST")?.value ?? "{}";
  const { taskToken } = JSON.parse(request) as { taskToken: string };
  await new SFNClient().send(
    new SendTaskFailureCommand({ taskToken, error: "WorkerLost", cause: "stopped" }),
  );
}

/** Publishes one alert for a failed execution. */
export async function publisher(event: FailedEvent): Promise<void> {
  const { executionArn, status } = event.detail;
  const Message = JSON.stringify({ executionArn, status });
  await new SNSClient().send(
    new PublishCommand({ TopicArn: process.env.TOPIC_ARN, Subject: status, Message }),
  );
}
