import type { FileSystem } from "../host/file-system.ts";
import { SourceError } from "../model/errors.ts";
import { type CertificatesConfig, DOMAIN } from "./config.ts";

/** Names that certbot and its like give. Source: certbot's documentation, "Where are my certificates?". */
const ACME = { chain: "fullchain.pem", key: "privkey.pem" } as const;
/** Folders of one ACME client. */
const DOMAINS_LIMIT = 10_000;

/** Where chain and key of one domain lie. */
export interface Place {
  readonly domain: string;
  readonly chain: string;
  readonly key: string;
}

/** Every pair that the configuration means, in order of name. Throws `SourceError` MISSING for an ACME folder that is not there. */
export async function findPlaces(config: CertificatesConfig, files: FileSystem): Promise<Place[]> {
  const named = Object.entries(config.domains).map(([domain, paths]) => ({ domain, ...paths }));
  const folder = acmeFolderOf(config);
  const found = folder === undefined ? [] : await findAcme(folder, files);
  const places = [...named, ...found.filter(({ domain }) => !Object.hasOwn(config.domains, domain))];
  return places.sort((left, right) => (left.domain < right.domain ? -1 : 1));
}

/** Where a pair of a backup belongs; undefined where the configuration does not say. */
export function placeOf(domain: string, config: CertificatesConfig): Place | undefined {
  const named = Object.hasOwn(config.domains, domain) ? config.domains[domain] : undefined;
  if (named !== undefined) return { domain, ...named };
  const folder = acmeFolderOf(config);
  return folder === undefined ? undefined : inAcme(folder, domain);
}

function acmeFolderOf({ acmeFolder, scratchFolder }: CertificatesConfig): string | undefined {
  return scratchFolder ?? acmeFolder;
}

function inAcme(folder: string, domain: string): Place {
  const live = `${folder}/live/${domain}`;
  return { domain, chain: `${live}/${ACME.chain}`, key: `${live}/${ACME.key}` };
}

async function findAcme(folder: string, files: FileSystem): Promise<Place[]> {
  const live = Buffer.from(`${folder}/live`);
  if ((await files.stat(Buffer.from(folder)))?.type !== "folder")
    throw new SourceError(
      "MISSING",
      `The ACME folder ${folder} is not there. Correct acmeFolder, or see on the host what became of it.`,
    );
  if ((await files.stat(live)) === undefined) return [];
  const places: Place[] = [];
  for await (const some of files.list(live))
    for (const { name, facts } of some)
      if (facts.type === "folder" && DOMAIN.test(name.toString()))
        places.push(inAcme(folder, name.toString()));
  if (places.length <= DOMAINS_LIMIT) return places;
  throw new SourceError(
    "UNSUPPORTED",
    `${folder} has ${places.length} domains, at most ${DOMAINS_LIMIT} are taken.`,
  );
}
