import { ECSClient } from "@aws-sdk/client-ecs";
import { S3Client } from "@aws-sdk/client-s3";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SFNClient } from "@aws-sdk/client-sfn";
import { SNSClient } from "@aws-sdk/client-sns";
import { SQSClient } from "@aws-sdk/client-sqs";
import type { LocalAws } from "../aws/local-aws.ts";

export interface Clients {
  readonly ecs: ECSClient;
  readonly s3: S3Client;
  readonly s3Replica: S3Client;
  readonly secrets: SecretsManagerClient;
  readonly secretsReplica: SecretsManagerClient;
  readonly sfn: SFNClient;
  readonly sns: SNSClient;
  readonly sqs: SQSClient;
}

/** AWS clients of an operator in the local world; those that end in `Replica` speak to the other Region. */
export function makeClients(aws: LocalAws, replicaRegion: string): Clients {
  return {
    ecs: new ECSClient(aws.client),
    s3: new S3Client(aws.client),
    s3Replica: new S3Client({ ...aws.client, region: replicaRegion }),
    secrets: new SecretsManagerClient(aws.client),
    secretsReplica: new SecretsManagerClient({ ...aws.client, region: replicaRegion }),
    sfn: new SFNClient(aws.client),
    sns: new SNSClient(aws.client),
    sqs: new SQSClient(aws.client),
  };
}
