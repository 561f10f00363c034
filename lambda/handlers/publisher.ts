import { createHash } from "node:crypto";
import { type MessageAttributeValue, PublishCommand, SNSClient } from "@aws-sdk/client-sns";
import { z } from "zod";
import type { Services } from "../engine/jobs/services.ts";
import { makeState } from "../engine/jobs/world.ts";
import { VaultError } from "../engine/model/errors.ts";
import type { Estate } from "../engine/model/estate.ts";
import type { Clock } from "../engine/model/ids.ts";
import { keys } from "../engine/model/keys.ts";
import { type Alert, describeFailedExecution, statusChangeSchema } from "./alert.ts";
import { CLIENT_LIMITS } from "./aws/client-limits.ts";
import { translateAwsError } from "./aws/translate-aws-error.ts";
import { readPublisherEnvironment } from "./environment.ts";

/** A publisher that has not finished by then was killed; the next delivery of the event goes on. */
export const SENDING_MS = 60_000;

const noticeSchema = z.strictObject({
  executionArn: z.string(),
  state: z.enum(["sending", "sent"]),
  at: z.iso.datetime(),
});

interface PublisherServices {
  readonly state: Services["state"];
  readonly clock: Clock;
  readonly contacts: Estate["contacts"];
  publish(alert: Alert): Promise<void>;
}

/**
 * Publishes one alert for one failed execution, however often its event is delivered. Throws when it was not sent,
 * so that the event is delivered again; a publisher killed between sending and noting it may send twice.
 */
export async function publishOnce(
  raw: unknown,
  services: PublisherServices,
  signal: AbortSignal,
): Promise<"published" | "published-before"> {
  const event = statusChangeSchema.parse(raw);
  const { executionArn } = event.detail;
  const key = keys.alert(createHash("sha256").update(executionArn).digest("hex"));
  if ((await claimNotice(key, executionArn, services, signal)) === "sent") return "published-before";
  await services.publish(describeFailedExecution(event, services.contacts));
  const mine = await services.state.read(key, signal);
  const at = services.clock.now().toISOString();
  await services.state.replace(key, { executionArn, state: "sent", at }, mine?.etag ?? "", signal);
  return "published";
}

async function claimNotice(
  key: string,
  executionArn: string,
  { state, clock }: PublisherServices,
  signal: AbortSignal,
): Promise<"ours" | "sent"> {
  const wanted = { executionArn, state: "sending", at: clock.now().toISOString() };
  if (await state.create(key, wanted, signal)) return "ours";
  const found = await state.read(key, signal);
  const notice = noticeSchema.parse(found?.value);
  if (notice.state === "sent") return "sent";
  const dead = clock.now().getTime() - Date.parse(notice.at) > SENDING_MS;
  if (dead && (await state.replace(key, wanted, found?.etag ?? "", signal))) return "ours";
  throw new VaultError(
    "CHANGED",
    `Another delivery is publishing the alert of ${executionArn}. It is looked at again when this event is delivered again.`,
  );
}

export async function publisher(event: unknown): Promise<string> {
  const environment = readPublisherEnvironment();
  const client = new SNSClient(CLIENT_LIMITS);
  const services: PublisherServices = {
    state: makeState(environment.STATE_BUCKET),
    clock: { now: () => new Date() },
    contacts: environment.estate.contacts,
    publish: (alert) => publish(client, environment.ALERT_TOPIC_ARN, alert),
  };
  return await publishOnce(event, services, AbortSignal.timeout(SENDING_MS));
}

async function publish(client: SNSClient, topicArn: string, alert: Alert): Promise<void> {
  const attributes = Object.entries(alert.attributes).map(
    ([name, value]): [string, MessageAttributeValue] => [name, { DataType: "String", StringValue: value }],
  );
  try {
    await client.send(
      new PublishCommand({
        TopicArn: topicArn,
        Subject: alert.subject,
        Message: alert.text,
        MessageAttributes: Object.fromEntries(attributes),
      }),
    );
  } catch (error) {
    throw translateAwsError(error, "Publishing the alert");
  }
}
