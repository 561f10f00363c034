import { ConfigError } from "../lambda/engine/model/errors.ts";

/** What is used of an AWS client; the SDK looks for the Region in the options, the environment and the profile. */
interface RegionalClient {
  readonly config: { region(): Promise<string> };
}

/**
 * The client as it came, once it knows its Region. Throws `ConfigError` INVALID_ENVIRONMENT where nothing names one: that
 * is the operator's to correct, and would otherwise show only in the first call, as a failure of AWS.
 */
export async function requireRegion<Client extends RegionalClient>(client: Client): Promise<Client> {
  try {
    await client.config.region();
    return client;
  } catch (cause) {
    throw new ConfigError(
      "INVALID_ENVIRONMENT",
      "No Region was named: got neither --region nor AWS_REGION, nor one in the profile of the AWS CLI. Name the estate's first Region, `regions.primary` of estate.yaml, e.g. --region eu-central-1.",
      { cause },
    );
  }
}
