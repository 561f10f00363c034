import { createHash } from "node:crypto";
import { z } from "zod";
import type { Services } from "../engine/jobs/services.ts";
import { makeState } from "../engine/jobs/world.ts";
import { VaultError } from "../engine/model/errors.ts";
import type { Message } from "../engine/model/escalation.ts";
import type { Estate } from "../engine/model/estate.ts";
import type { Clock } from "../engine/model/ids.ts";
import { keys } from "../engine/model/keys.ts";
import { aboutOf, callsPeople, describeFailedExecution, statusChangeSchema } from "./alert.ts";
import {
  type EscalationStart,
  makeEscalationStarter,
  makeStepFunctionsClient,
} from "./aws/step-functions.ts";
import { makeTopic } from "./aws/topic.ts";
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
  publish(alert: Message, signal: AbortSignal): Promise<void>;
  /** Calls people, once for each name; missing where the estate does not want that. */
  escalate?(start: EscalationStart, signal: AbortSignal): Promise<void>;
}

/**
 * Publishes one alert for one failed execution, however often its event is delivered, and has people called where it is
 * critical. Throws when either was not done, so that the event is delivered again; a publisher killed between sending
 * and noting it may send twice.
 */
export async function publishOnce(
  raw: unknown,
  services: PublisherServices,
  signal: AbortSignal,
): Promise<"published" | "published-before"> {
  const event = statusChangeSchema.parse(raw);
  const { executionArn } = event.detail;
  const digest = createHash("sha256").update(executionArn).digest("hex");
  const alert = describeFailedExecution(event, services.contacts);
  const key = keys.alert(digest);
  const before = await claimNotice(key, executionArn, services, signal);
  if (before === "ours") await publishAndNote(key, executionArn, alert, services, signal);
  // Also where the alert was sent by an earlier delivery: that one may have been killed before it called anybody.
  if (callsPeople(alert))
    await services.escalate?.({ name: `alert-${digest}`, about: aboutOf(alert) }, signal);
  return before === "ours" ? "published" : "published-before";
}

async function publishAndNote(
  key: string,
  executionArn: string,
  alert: Message,
  { publish, state, clock }: PublisherServices,
  signal: AbortSignal,
): Promise<void> {
  await publish(alert, signal);
  const mine = await state.read(key, signal);
  const at = clock.now().toISOString();
  await state.replace(key, { executionArn, state: "sent", at }, mine?.etag ?? "", signal);
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
  const { estate, ESCALATE_MACHINE_ARN: escalateMachineArn } = environment;
  const services: PublisherServices = {
    state: makeState(environment.STATE_BUCKET),
    clock: { now: () => new Date() },
    contacts: estate.contacts,
    publish: makeTopic(environment.ALERT_TOPIC_ARN),
    ...(escalateMachineArn !== undefined && {
      escalate: makeEscalationStarter(makeStepFunctionsClient(), escalateMachineArn),
    }),
  };
  return await publishOnce(event, services, AbortSignal.timeout(SENDING_MS));
}
