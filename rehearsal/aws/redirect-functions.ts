import {
  LambdaClient,
  ListFunctionsCommand,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import type { LocalAws } from "./local-aws.ts";

/** Has every function of the Region call AWS by another endpoint from its next start on. */
export async function redirectFunctions(aws: LocalAws, region: string, endpoint: string): Promise<void> {
  const lambda = new LambdaClient({ ...aws.client, region });
  try {
    const { Functions = [] } = await lambda.send(new ListFunctionsCommand({}));
    for (const { FunctionName, Environment } of Functions) {
      const Variables = { ...Environment?.Variables, AWS_ENDPOINT_URL: endpoint };
      await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }));
    }
  } finally {
    lambda.destroy();
  }
}

/** The local AWS as those see it who reach it by another endpoint, in another Region. */
export function moveAws(aws: LocalAws, region: string, endpoint: string): LocalAws {
  return {
    ...aws,
    ...{ endpoint, region },
    env: { ...aws.env, AWS_ENDPOINT_URL: endpoint, AWS_REGION: region, AWS_DEFAULT_REGION: region },
    client: { ...aws.client, endpoint, region },
  };
}
