import { Duration } from "aws-cdk-lib";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { Bucket, type IBucket } from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";
import { bucketSafety } from "./bucket-safety.ts";

const STATE_DAYS = 35;
const NONCURRENT_STATE_DAYS = 7;
const UPLOAD_ABANDONED_DAYS = 2;

export interface StateBucketProps {
  readonly key: IKey;
  readonly accessLogs: IBucket;
}

/** The small bucket for what changes: claims, approvals, run records. Versioned, not locked, forgotten after 35 days. */
export class StateBucket extends Bucket {
  constructor(scope: Construct, id: string, props: StateBucketProps) {
    super(scope, id, {
      serverAccessLogsBucket: props.accessLogs,
      serverAccessLogsPrefix: "state/",
      versioned: true,
      lifecycleRules: [
        {
          id: "forget",
          expiration: Duration.days(STATE_DAYS),
          noncurrentVersionExpiration: Duration.days(NONCURRENT_STATE_DAYS),
          abortIncompleteMultipartUploadAfter: Duration.days(UPLOAD_ABANDONED_DAYS),
        },
      ],
      ...bucketSafety(props.key),
    });
  }
}
