import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { SecretMask } from "../../engine/jobs/secret-mask.ts";
import { throwIfAborted, VaultError } from "../../engine/model/errors.ts";
import { moveSecret } from "../../engine/model/secret-reference.ts";
import { CLIENT_LIMITS } from "./client-limits.ts";
import { translateAwsError } from "./translate-aws-error.ts";

/** Reads secrets by name or ARN; every value is remembered by the mask, which hides it from then on. */
export function makeSecretReader(mask: SecretMask) {
  const client = new SecretsManagerClient(CLIENT_LIMITS);
  return async (reference: string, signal: AbortSignal): Promise<string> => {
    const value = await readValue(client, reference, signal);
    mask.remember(value);
    return value;
  };
}

async function readValue(
  client: SecretsManagerClient,
  reference: string,
  signal: AbortSignal,
): Promise<string> {
  let value: string | undefined;
  try {
    // Beside the replica vault the configuration names secrets of the first Region.
    const own = moveSecret(reference, await client.config.region());
    const command = new GetSecretValueCommand({ SecretId: own });
    value = (await client.send(command, { abortSignal: signal })).SecretString;
  } catch (error) {
    throwIfAborted(signal);
    throw translateAwsError(error, `Reading the secret ${reference}`);
  }
  if (value) return value;
  throw new VaultError("NOT_FOUND", `The secret ${reference} has no text value. Put it in and try again.`);
}
