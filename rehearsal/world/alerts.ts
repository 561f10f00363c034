import { type SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";

/** A mailbox on the estate's alert topic, as an operator's would be. */
export interface Alerts {
  readonly received: readonly unknown[];
  /** Fetches what has arrived. */
  receive(): Promise<void>;
  /** Goes on fetching for so long. */
  listen(seconds: number): Promise<void>;
  /** The alerts that speak of one execution. */
  of(executionArn: string): readonly unknown[];
}

const BATCH_MESSAGES = 10;
const WAIT_SECONDS = 1;

/** Makes a queue and subscribes it to the topic. */
export async function subscribeToAlerts(sqs: SQSClient, sns: SNSClient, topicArn: string): Promise<Alerts> {
  const { QueueUrl: queueUrl = "" } = await sqs.send(
    new CreateQueueCommand({ QueueName: "rehearsal-alerts" }),
  );
  const queueArn = `arn:aws:sqs:${topicArn.split(":").slice(3, 5).join(":")}:rehearsal-alerts`;
  await sns.send(new SubscribeCommand({ TopicArn: topicArn, Protocol: "sqs", Endpoint: queueArn }));
  const received: unknown[] = [];
  const receive = () => receiveInto(received, sqs, queueUrl);
  const listen = async (seconds: number) => {
    const end = Date.now() + seconds * 1000;
    while (Date.now() < end) await receive();
  };
  const of = (executionArn: string) =>
    received.filter((alert) => JSON.stringify(alert).includes(executionArn));
  return { received, receive, listen, of };
}

async function receiveInto(received: unknown[], sqs: SQSClient, queueUrl: string): Promise<void> {
  const command = { QueueUrl: queueUrl, MaxNumberOfMessages: BATCH_MESSAGES, WaitTimeSeconds: WAIT_SECONDS };
  const { Messages: messages = [] } = await sqs.send(new ReceiveMessageCommand(command));
  for (const { Body: body = "", ReceiptHandle: handle } of messages) {
    received.push(readNotification(body));
    await sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: handle }));
  }
}

/** Subject and text of the SNS envelope; the text as JSON where it is JSON. */
function readNotification(body: string): unknown {
  const { Subject: subject, Message: message = "", MessageAttributes: attributes } = JSON.parse(body);
  return { subject, message: parseLeniently(message), attributes };
}

function parseLeniently(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
