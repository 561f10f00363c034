import { posix } from "node:path";
import type { FileSystem } from "../host/file-system.ts";
import { followLinks } from "../host/follow-links.ts";
import { OWNERS_REFUSED, putFile } from "../host/put-file.ts";
import { IntegrityError, RefusedError, SourceError, throwIfAborted } from "../model/errors.ts";
import type { RestoreItem, RestoreReport, TargetGuard } from "../sources/source.ts";
import type { CertificatesConfig } from "./config.ts";
import { findPlaces, type Place, placeOf } from "./find.ts";
import { chainItem, type IndexedFacts, keyItem, readIndex, readWhole } from "./index-file.ts";
import { readPair } from "./pair.ts";

export interface RestoreTools {
  readonly config: CertificatesConfig;
  readonly files: FileSystem;
  readonly guard: TargetGuard;
  readonly beforeChange?: () => Promise<void>;
  readonly signal: AbortSignal;
  newName(): string;
}

interface Wanted {
  readonly place: Place;
  readonly chain: Content;
  readonly key: Content;
}

interface Content {
  readonly bytes: Buffer;
  readonly facts: IndexedFacts;
}

/**
 * Puts every pair into its place, each file whole under its name at once. All are read and judged before anything is
 * changed; with `replace`, pairs that the backup does not have are taken away. Throws `IntegrityError`, and
 * `RefusedError` INPUT_INVALID for a domain that the configuration does not name, TARGET_NOT_EMPTY.
 */
export async function restoreCertificates(
  items: readonly RestoreItem[],
  tools: RestoreTools,
): Promise<RestoreReport> {
  const { domains } = await readIndex(items);
  const there = await findThere(tools);
  if (tools.guard === "refuse-non-empty" && there.length > 0) throw notEmpty(there);
  for (const { domain } of domains) requirePlace(domain, tools.config);
  for (const entry of domains) await judge(entry.domain, items, entry);
  await tools.beforeChange?.();
  let bytes = 0;
  const notes = new Set<string>();
  for (const entry of domains) {
    const wanted = {
      place: requirePlace(entry.domain, tools.config),
      ...(await judge(entry.domain, items, entry)),
    };
    throwIfAborted(tools.signal);
    for (const note of await put(wanted, tools)) notes.add(note);
    bytes += wanted.chain.bytes.length + wanted.key.bytes.length;
  }
  const kept = new Set(domains.map(({ domain }) => domain));
  for (const place of there) if (!kept.has(place.domain)) await remove(place, tools.files);
  return { records: 2 * domains.length, replayedOperations: 0, bytes, notes: [...notes] };
}

/** The pairs that are there now, in part at least. */
export async function findThere({ config, files }: Pick<RestoreTools, "config" | "files">): Promise<Place[]> {
  const there: Place[] = [];
  for (const place of await findPlacesOrNone(config, files)) {
    const facts = await Promise.all([place.chain, place.key].map((path) => files.stat(Buffer.from(path))));
    if (facts.some((one) => one !== undefined)) there.push(place);
  }
  return there;
}

/** A new host has no ACME folder yet. */
async function findPlacesOrNone(config: CertificatesConfig, files: FileSystem): Promise<Place[]> {
  try {
    return await findPlaces(config, files);
  } catch (error) {
    if (error instanceof SourceError && error.code === "MISSING") return [];
    throw error;
  }
}

function notEmpty(there: readonly Place[]): RefusedError {
  const names = there.map(({ domain }) => domain);
  return new RefusedError(
    "TARGET_NOT_EMPTY",
    `There are certificates already: ${names.slice(0, 5).join(", ")}${names.length > 5 ? " …" : ""}. Nothing was changed; say "guard": "replace" to overwrite them.`,
    { facts: { domains: names.length } },
  );
}

function requirePlace(domain: string, config: CertificatesConfig): Place {
  const place = placeOf(domain, config);
  if (place !== undefined) return place;
  throw new RefusedError(
    "INPUT_INVALID",
    `The backup holds the domain ${domain}, and the estate names only ${Object.keys(config.domains).join(", ")}. Name where it belongs in estate.yaml; nothing was changed.`,
    { facts: { domain } },
  );
}

async function judge(
  domain: string,
  items: readonly RestoreItem[],
  facts: { readonly chain: IndexedFacts; readonly key: IndexedFacts },
): Promise<Omit<Wanted, "place">> {
  const chain = await readContent(chainItem(domain), items, facts.chain);
  const key = await readContent(keyItem(domain), items, facts.key);
  readPair(domain, chain.bytes, key.bytes);
  return { chain, key };
}

async function readContent(
  name: string,
  items: readonly RestoreItem[],
  facts: IndexedFacts,
): Promise<Content> {
  const item = items.find((one) => one.name === name);
  if (item === undefined || item.plainBytes !== facts.bytes)
    throw new IntegrityError(
      item === undefined ? "ARTIFACT_MISSING" : "SIZE_MISMATCH",
      `${name} is ${item === undefined ? "not in the backup" : `${item.plainBytes} bytes long, expected ${facts.bytes}`}. Nothing was changed; take another recovery point.`,
    );
  return { bytes: await readWhole(item, facts.bytes), facts };
}

/** Where a link lies, the file that it means is replaced: an ACME client goes on with its links. A drill is no root. */
async function put({ place, chain, key }: Wanted, tools: RestoreTools): Promise<string[]> {
  const options = { files: tools.files, newName: tools.newName, owners: "as-permitted" } as const;
  const ended = [
    await putFile(await followLinks(place.key, tools.files), key, options),
    await putFile(await followLinks(place.chain, tools.files), chain, options),
  ];
  return ended.includes("owner-refused") ? [OWNERS_REFUSED] : [];
}

async function remove({ chain, key }: Place, files: FileSystem): Promise<void> {
  for (const path of [key, chain])
    if ((await files.lstat(Buffer.from(path))) !== undefined) await files.removeFile(Buffer.from(path));
  // What else an ACME client keeps beside them stays, and its folder with it.
  await files.removeFolder(Buffer.from(posix.dirname(chain))).catch(() => {});
}
