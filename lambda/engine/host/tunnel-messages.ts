import { z } from "zod";
import { SourceError } from "../model/errors.ts";
import { type EstateHost, estateSchema } from "../model/estate.ts";
import type { Address } from "./address.ts";

/** What the process of a tunnel is told first. The key goes through the channel between the two, and nowhere else. */
export interface TunnelOrder {
  readonly host: EstateHost;
  readonly privateKey: string;
  readonly target: Address;
}

export const orderSchema = z.strictObject({
  kind: z.literal("open"),
  host: estateSchema.shape.host,
  privateKey: z.string(),
  target: z.strictObject({ host: z.string(), port: z.int() }),
});

/** With it comes a connection to carry. */
export const carrySchema = z.strictObject({ kind: z.literal("carry"), id: z.int() });

const failureSchema = z.strictObject({
  code: z.string(),
  message: z.string(),
  facts: z.record(z.string(), z.unknown()),
});

/** What the process of a tunnel tells. `closed`: it is done with a connection; `reset`: before all was passed on. */
export const newsSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("ready") }),
  z.strictObject({ kind: z.literal("failed"), failure: failureSchema }),
  z.strictObject({ kind: z.literal("lost"), failure: failureSchema }),
  z.strictObject({ kind: z.literal("closed"), id: z.int(), reset: z.boolean() }),
]);
export type News = z.infer<typeof newsSchema>;

export function toFailure(error: unknown): z.infer<typeof failureSchema> {
  if (error instanceof SourceError) return { code: error.code, message: error.message, facts: error.facts };
  return {
    code: "CONNECTION_LOST",
    message: error instanceof Error ? error.message : String(error),
    facts: {},
  };
}

export function fromFailure({ code, message, facts }: z.infer<typeof failureSchema>): SourceError {
  return new SourceError(code as SourceError["code"], message, { facts });
}
