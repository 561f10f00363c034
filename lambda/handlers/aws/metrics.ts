import {
  CloudWatchClient,
  type CloudWatchClientConfig,
  PutMetricDataCommand,
} from "@aws-sdk/client-cloudwatch";
import type { Metrics } from "../../engine/jobs/services.ts";
import { throwIfAborted } from "../../engine/model/errors.ts";
import { AUDIT_METRICS } from "../../engine/model/freshness.ts";
import { CLIENT_LIMITS } from "./client-limits.ts";
import { translateAwsError } from "./translate-aws-error.ts";

/**
 * Sends numbers to CloudWatch, all in the one namespace that the auditor may write. Region, credentials and endpoint
 * come from the environment unless given.
 */
export function makeMetrics(config: CloudWatchClientConfig = {}): Metrics {
  const client = new CloudWatchClient({ ...config, ...CLIENT_LIMITS });
  return {
    async put(name, value, dimensions, signal) {
      const Dimensions = Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
      const command = new PutMetricDataCommand({
        Namespace: AUDIT_METRICS.namespace,
        MetricData: [{ MetricName: name, Value: value, Dimensions }],
      });
      try {
        await client.send(command, { abortSignal: signal });
      } catch (error) {
        throwIfAborted(signal);
        throw translateAwsError(error, `Sending the metric ${name}`);
      }
    },
  };
}
