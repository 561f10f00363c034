import { type CertificatesConfig, certificatesConfigSchema } from "../certificates/config.ts";
import { MAJOR } from "../certificates/dump.ts";
import { CertificatesSession } from "../certificates/session.ts";
import { LocalFiles } from "../host/local-files.ts";
import { SourceError } from "../model/errors.ts";
import { loadContentHash } from "../stream/content-hash.ts";
import type { Context, Session, Source } from "./source.ts";

/** The least that Fargate gives a task besides its own 20. Source: API reference of ECS, EphemeralStorage. */
const DRILL_DISK_GIB = 21;

/** Certificates and keys of the host's domains, by SFTP. */
export const certificates: Source<CertificatesConfig> = {
  kind: "certificates",
  description: {
    title: "TLS certificates and their keys",
    covers: [
      "chain and key of each domain, by their paths or out of the folder of an ACME client; mode, owner and time",
      "a pair is proven when it is read, when it is drilled and before it is put back: the key is the certificate's, each certificate was issued by the one behind it",
      "alarms 30, 14, 7 and 1 days before the first of them ends, by what lies on the disk and by what the server shows, whichever is sooner",
      "a certificate that was renewed and never loaded is noted",
    ],
    leavesOut: [
      "keys with a passphrase: they are refused by name",
      "account and renewal settings of an ACME client: a source of `files` of its folder has them",
      "revocation; whether a public authority is at the end of the chain",
    ],
  },
  config: certificatesConfigSchema,
  needs: {
    compute: "lambda",
    stage: "configuration",
    keepsLog: false,
    drill: { majors: [MAJOR], diskGiBOf: () => DRILL_DISK_GIB },
  },
  open,
  validUntil: ({ versions: { notAfter } }) => (notAfter === undefined ? undefined : new Date(notAfter)),
  drillConfig: () => {
    throw new Error("certificates are drilled in a folder");
  },
  drillFolderConfig: (scratchFolder) => ({ domains: {}, served: {}, scratchFolder }),
};

async function open(config: CertificatesConfig, context: Context): Promise<Session> {
  const { host, clock, signal, random, progress } = context;
  const files = config.scratchFolder === undefined ? await host.files?.() : new LocalFiles();
  if (files === undefined)
    throw new SourceError(
      "UNSUPPORTED",
      "Certificates are reached by SSH only, and there is no SSH connection here.",
    );
  const newContent = await loadContentHash();
  return new CertificatesSession({ config, files, host, clock, signal, newContent, progress }, random);
}
