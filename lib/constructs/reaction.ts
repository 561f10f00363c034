import { Aws, Duration } from "aws-cdk-lib";
import { Rule } from "aws-cdk-lib/aws-events";
import { LambdaFunction } from "aws-cdk-lib/aws-events-targets";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { SqsDestination } from "aws-cdk-lib/aws-lambda-destinations";
import type { ITopic } from "aws-cdk-lib/aws-sns";
import { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { DeadLetterAlarm } from "./dead-letter-alarm.ts";
import { DeadLetters } from "./dead-letters.ts";
import { attachGrants, type Grant } from "./grant.ts";
import { LambdaWorker } from "./lambda-worker.ts";
import type { EstateStores } from "./stores.ts";

const RETRIES = 8;
const LATEST_REACTION = Duration.hours(2);

/** Values that match, or the same of the fields of an object. */
type DetailPattern = readonly string[] | Readonly<Record<string, readonly string[]>>;

export interface ReactionPattern {
  readonly source: readonly string[];
  readonly detailType: readonly string[];
  readonly detail: Readonly<Record<string, DetailPattern>>;
}

export interface ReactionProps {
  readonly estate: Estate;
  readonly stores: EstateStores;
  readonly handlersFolder: string;
  readonly entry: "publisher" | "taskStopped" | "thawed";
  readonly pattern: ReactionPattern;
  readonly description: string;
  readonly grants: readonly Grant[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly topic: ITopic;
}

/** A rule, the function it calls, and the alarm for the day on which that fails. */
export class Reaction extends Construct {
  constructor(scope: Construct, id: string, props: ReactionProps) {
    super(scope, id);
    const role = new Role(this, "Role", {
      description: props.description,
      assumedBy: new ServicePrincipal("lambda.amazonaws.com"),
    });
    const deadLetters = new DeadLetters(this, "DeadLetters");
    const worker = new LambdaWorker(this, "Function", { ...props, role, size: "short" });
    // A rule's queue gets what could not be delivered; what was delivered and failed goes there by the function.
    worker.configureAsyncInvoke({
      retryAttempts: 2,
      maxEventAge: LATEST_REACTION,
      onFailure: new SqsDestination(deadLetters),
    });
    const keepFailed = {
      actions: ["sqs:SendMessage"],
      resources: [deadLetters.queueArn],
      why: "Keeps what failed.",
    };
    attachGrants(this, "Grants", role, [...props.grants, keepFailed]);
    const rule = addRule(this, props);
    rule.addTarget(
      new LambdaFunction(worker, {
        deadLetterQueue: deadLetters,
        retryAttempts: RETRIES,
        maxEventAge: LATEST_REACTION,
      }),
    );
    new DeadLetterAlarm(this, "Alarm", {
      queueName: deadLetters.queueName,
      description: `The estate ${props.estate.name} could not react to an event: ${props.description}. Read the message in the queue and the function's log.`,
      topic: props.topic,
    });
  }
}

function addRule(scope: Construct, { description, pattern }: ReactionProps): Rule {
  return new Rule(scope, "Rule", {
    description,
    eventPattern: {
      account: [Aws.ACCOUNT_ID],
      source: [...pattern.source],
      detailType: [...pattern.detailType],
      detail: pattern.detail,
    },
  });
}
