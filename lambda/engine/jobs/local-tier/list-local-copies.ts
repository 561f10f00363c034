import type { z } from "zod";
import type { ListLocalCopiesAnswer, listLocalCopiesRequestSchema } from "../../model/local-tier.ts";
import type { Services } from "../services.ts";
import { copiedSources, localTierOf } from "./local-tier-of.ts";

/** The sources whose backups are copied onto the host. Throws `ConfigError` where none are wanted. Repeatable. */
export async function listLocalCopies(
  _request: z.infer<typeof listLocalCopiesRequestSchema>,
  services: Services,
): Promise<ListLocalCopiesAnswer> {
  localTierOf(services);
  return { sources: copiedSources(services) };
}
