import {
  type MessageAttributeValue,
  PublishCommand,
  SNSClient,
  type SNSClientConfig,
} from "@aws-sdk/client-sns";
import { throwIfAborted } from "../../engine/model/errors.ts";
import type { Message } from "../../engine/model/escalation.ts";
import { CLIENT_LIMITS } from "./client-limits.ts";
import { translateAwsError } from "./translate-aws-error.ts";

/**
 * Sends messages to the topic of alerts. Not to be repeated without need: each call reaches people. Region,
 * credentials and endpoint come from the environment unless given.
 */
export function makeTopic(
  topicArn: string,
  config: SNSClientConfig = {},
): (message: Message, signal: AbortSignal) => Promise<void> {
  const client = new SNSClient({ ...config, ...CLIENT_LIMITS });
  return async ({ subject, text, attributes }, signal) => {
    const command = new PublishCommand({
      TopicArn: topicArn,
      Subject: subject,
      Message: text,
      MessageAttributes: attributesOf(attributes),
    });
    try {
      await client.send(command, { abortSignal: signal });
    } catch (error) {
      throwIfAborted(signal);
      throw translateAwsError(error, "Publishing the alert");
    }
  };
}

function attributesOf(attributes: Message["attributes"]): Record<string, MessageAttributeValue> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, { DataType: "String", StringValue: value }]),
  );
}
