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

const FAULTS_OF_SERVICES: Retrier = {
  ErrorEquals: [...LAMBDA_FAULTS, ...LAUNCH_FAULTS],
  IntervalSeconds: 5,
  BackoffRate: 2,
  MaxAttempts: 3,
};

/**
 * The step changes nothing by being repeated: a source or a vault that was briefly away is asked again. Errors that
 * no retrier names are never repeated: damaged bytes stay damaged, a refusal stays refused, who was told to stop stops.
 */
export const RETRY_WORK: readonly Retrier[] = [
  { ErrorEquals: ["SourceError", "VaultError"], IntervalSeconds: 5, BackoffRate: 2, MaxAttempts: 2 },
  FAULTS_OF_SERVICES,
];

/** The step does its own waiting: what it says after that is not asked again. */
export const RETRY_SERVICES: readonly Retrier[] = [FAULTS_OF_SERVICES];

/** After these no worker was started, so that nothing can have been changed. */
export const NOT_STARTED = [
  "ECS.AmazonECSException",
  "ECS.ThrottlingException",
  "Lambda.TooManyRequestsException",
];

/** The step overwrites: only what cannot have begun is started again; the rest is for an operator to resume. */
export const RETRY_LAUNCH: readonly Retrier[] = [
  { ErrorEquals: NOT_STARTED, IntervalSeconds: 5, BackoffRate: 2, MaxAttempts: 3 },
];
