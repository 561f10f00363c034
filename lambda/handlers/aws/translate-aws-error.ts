import { VaultError } from "../../engine/model/errors.ts";

const DENIED = ["AccessDeniedException", "AccessDenied", "AuthorizationErrorException", "AuthorizationError"];
const MISSING = ["ResourceNotFoundException", "NotFoundException", "NotFound"];

/** A failure of Step Functions, Secrets Manager or SNS as a `VaultError`; `what` was being done. */
export function translateAwsError(error: unknown, what: string): VaultError {
  const name = error instanceof Error ? error.name : "Error";
  const message = error instanceof Error ? error.message : String(error);
  const text = `${what} failed: ${name}: ${message}.`;
  if (DENIED.includes(name))
    return new VaultError("ACCESS_DENIED", `${text} Deploy the stacks again: they grant this.`, {
      cause: error,
    });
  if (MISSING.includes(name))
    return new VaultError("NOT_FOUND", `${text} Make it, or correct its name.`, { cause: error });
  return new VaultError("UNAVAILABLE", `${text} Try again; see the status of AWS if it goes on.`, {
    cause: error,
  });
}
