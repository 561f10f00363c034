import { z } from "zod";
import { keys } from "../model/keys.ts";
import { CLAIM_ATTEMPTS_LIMIT, contended } from "./claims.ts";
import type { Services } from "./services.ts";
import { RELEASE_LIMIT_MS, SLICE_LEASE_MS } from "./slice-limits.ts";

const leaseSchema = z.strictObject({
  holder: z.string().min(1),
  takenAt: z.iso.datetime(),
  releasedAt: z.iso.datetime().optional(),
});

/**
 * Lets one invocation at a time make slices of a source. A function has no execution that could be asked after, so the
 * lease ends by itself. Undefined when it is ours, else who holds it.
 */
export async function takeLease(
  source: string,
  holder: string,
  services: Services,
  signal: AbortSignal,
): Promise<string | undefined> {
  const key = keys.sliceClaim(source);
  for (let attempt = 0; attempt < CLAIM_ATTEMPTS_LIMIT; attempt++) {
    const found = await services.state.read(key, signal);
    const now = services.clock.now();
    const wanted = { holder, takenAt: now.toISOString() };
    if (found === undefined) {
      if (await services.state.create(key, wanted, signal)) return undefined;
      continue;
    }
    const held = leaseSchema.parse(found.value);
    const over = now.getTime() - Date.parse(held.takenAt) >= SLICE_LEASE_MS;
    if (held.releasedAt === undefined && !over && held.holder !== holder) return held.holder;
    if (await services.state.replace(key, wanted, found.etag, signal)) return undefined;
  }
  throw contended(key);
}

/**
 * Gives the lease back; that of another is left alone. With a time limit of its own, because the work that ends may
 * have been aborted; one that cannot be given back ends by itself, and its failure hides no other.
 */
export async function releaseLease(source: string, holder: string, services: Services): Promise<void> {
  const key = keys.sliceClaim(source);
  const signal = AbortSignal.timeout(RELEASE_LIMIT_MS);
  try {
    const found = await services.state.read(key, signal);
    const held = found && leaseSchema.parse(found.value);
    if (held?.holder !== holder) return;
    const released = { ...held, releasedAt: services.clock.now().toISOString() };
    await services.state.replace(key, released, found?.etag ?? "", signal);
  } catch (error) {
    services.log.warn("The lease of a slice was not given back; it ends by itself", { source, error });
  }
}
