import { z } from "zod";
import { type Estate, hostSchema } from "./estate.ts";

/**
 * A machine that takes the place of the estate's host for one run. Its key is named beforehand, as that of the estate's
 * own host is: whoever answers at the address with another key gets no byte. Port and user are those of the estate where
 * they are left out, and so is always the private key.
 */
export const newHostSchema = z.strictObject({
  address: hostSchema.shape.address,
  port: hostSchema.shape.port.optional(),
  user: hostSchema.shape.user.optional(),
  hostKey: hostSchema.shape.hostKey,
});
export type NewHost = z.infer<typeof newHostSchema>;

/** The estate's host, or the machine in its place. */
export function hostOf({ host }: Pick<Estate, "host">, instead: NewHost | undefined): Estate["host"] {
  return { ...host, ...instead };
}

const OWN = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/;

/** Whether a name or address, as a host sees it, can only be that host itself. */
export function isOwnAddress(name: string): boolean {
  return OWN.test(name);
}
