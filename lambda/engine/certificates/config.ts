import { z } from "zod";
import { absolutePathSchema } from "../host/absolute-path.ts";
import { addressSchema } from "../host/address.ts";

/** A folder's or namespace's name: also what ACME clients call the second certificate of a domain, `erp.example.com-0001`. */
export const DOMAIN = /^[A-Za-z0-9_*][A-Za-z0-9._*-]{0,252}$/;

const servedSchema = z.strictObject({
  /** Where the certificate is shown: `erp.example.com:443`. */
  address: addressSchema,
  /** As seen from the host, through SSH, or straight from the worker. */
  through: z.enum(["ssh", "direct"]).default("direct"),
});
export type Served = z.infer<typeof servedSchema>;

/** `estate.yaml` of a source of certificates. */
export const certificatesConfigSchema = z
  .strictObject({
    /** Chain and key of each, as PEM files on the host. The name is stored; the paths may change. */
    domains: z
      .record(
        z.string().regex(DOMAIN, "a domain's name"),
        z.strictObject({ chain: absolutePathSchema, key: absolutePathSchema }),
      )
      .default({}),
    /** The folder of an ACME client such as certbot: what lies in `live/<domain>` is taken. */
    acmeFolder: absolutePathSchema.optional(),
    /** Where domains are served, by their names, so that one that was renewed and never loaded is seen. */
    served: z.record(z.string().regex(DOMAIN, "a domain's name"), servedSchema).default({}),
    /** A command of the host that loads certificates, run after a recovery. */
    reload: z.string().min(1).max(500).optional(),
  })
  .refine(
    ({ domains, acmeFolder }) => Object.keys(domains).length > 0 || acmeFolder !== undefined,
    "domains, acmeFolder, or both",
  );

export interface CertificatesConfig extends z.infer<typeof certificatesConfigSchema> {
  /** The folder of a drill, laid out as that of an ACME client. */
  readonly scratchFolder?: string;
}
