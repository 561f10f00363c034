import { Logger } from "@aws-lambda-powertools/logger";
import type { SecretMask } from "../engine/jobs/secret-mask.ts";
import type { Log } from "../engine/jobs/services.ts";
import { redact } from "../engine/model/redact.ts";

/** JSON lines on the standard output. Everything passes the redactor, and secrets that were read are hidden. */
export function makeLog(serviceName: string, mask: SecretMask): Log {
  const logger = new Logger({ serviceName });
  const safe = (facts: Readonly<Record<string, unknown>> = {}) => ({
    facts: JSON.parse(mask.hide(JSON.stringify(redact(facts)))) as object,
  });
  return {
    info: (message, facts) => logger.info(mask.hide(message), safe(facts)),
    warn: (message, facts) => logger.warn(mask.hide(message), safe(facts)),
    error: (message, facts) => logger.error(mask.hide(message), safe(facts)),
  };
}
