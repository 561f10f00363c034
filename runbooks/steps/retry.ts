import type { Retrier } from "./asl.ts";

/** A service that was briefly not there. Source: Step Functions' guide, "Handle transient Lambda service exceptions". */
const LAMBDA_FAULTS = [
  "Lambda.ServiceException",
  "Lambda.AWSLambdaException",
  "Lambda.SdkClientException",
  "Lambda.TooManyRequestsException",
];

/** RunTask itself failed: no worker was started. */
const LAUNCH_FAULTS = ["ECS.AmazonECSException", "ECS.ServerException", "ECS.ThrottlingException"];

/**
 * Never repeated: damaged bytes stay damaged, a refusal stays refused, and who was asked to stop stops. It
 * stands first because Step Functions takes the first retrier that names the error.
 */
const NEVER: Retrier = {
  ErrorEquals: ["IntegrityError", "RefusedError", "Cancelled", "ConfigError"],
  MaxAttempts: 0,
};

const FAULTS_OF_SERVICES: Retrier = {
  ErrorEquals: [...LAMBDA_FAULTS, ...LAUNCH_FAULTS],
  IntervalSeconds: 5,
  BackoffRate: 2,
  MaxAttempts: 3,
};

/** The step changes nothing by being repeated: a source or a vault that was briefly away is asked again. */
export const RETRY_WORK: readonly Retrier[] = [
  NEVER,
  { ErrorEquals: ["SourceError", "VaultError"], IntervalSeconds: 5, BackoffRate: 2, MaxAttempts: 2 },
  FAULTS_OF_SERVICES,
];

/** The step does its own waiting: what it says after that is not asked again. */
export const RETRY_SERVICES: readonly Retrier[] = [NEVER, FAULTS_OF_SERVICES];

/** After these no worker was started, so that nothing can have been changed. */
export const NOT_STARTED = [
  "ECS.AmazonECSException",
  "ECS.ThrottlingException",
  "Lambda.TooManyRequestsException",
];

/** The step overwrites: only what cannot have begun is started again; the rest is for an operator to resume. */
export const RETRY_LAUNCH: readonly Retrier[] = [
  NEVER,
  { ErrorEquals: NOT_STARTED, IntervalSeconds: 5, BackoffRate: 2, MaxAttempts: 3 },
];
