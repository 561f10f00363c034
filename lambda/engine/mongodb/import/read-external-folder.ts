import { IntegrityError, RefusedError } from "../../model/errors.ts";
import type {
  ExternalDump,
  ExternalFile,
  ExternalHints,
  ExternalReading,
  StoredItem,
} from "../../sources/source.ts";
import { type Codec, decompress } from "../../stream/codec.ts";
import { collect } from "../../stream/limits.ts";
import { type Bytes, chain, untilAborted } from "../../stream/stage.ts";
import { malformed } from "../archive/format.ts";
import { storageOf } from "../fingerprint-live.ts";
import {
  dataItem,
  escapeName,
  isServersOwn,
  type Namespace,
  nameOf,
  OPLOG_ITEM,
  ownerOf,
  PRELUDE_ITEM,
  unescapeName,
} from "../names.ts";
import { Findings, type ImportTools, realNamespace } from "./findings.ts";
import { nameErrors } from "./name-errors.ts";
import { type DumpVersions, encodePrelude, parsePrelude } from "./prelude.ts";
import { readBatches } from "./read-batches.ts";

const METADATA_BYTES_LIMIT = 64 * 1024 * 1024;
const PARALLEL_FILES = 4;
const METADATA = ".metadata.json";
const DATA = ".bson";

/** A file by the folder of its database and its name without suffixes. */
interface Named {
  readonly file: ExternalFile;
  readonly codec: Codec;
  readonly database: string;
  readonly base: string;
}

interface Sorted {
  readonly metadata: readonly Named[];
  readonly data: Map<string, Named>;
  readonly preludes: readonly Named[];
  readonly oplog?: Named;
}

/**
 * Reads a folder of mongodump: `<database>/<collection>.bson` and `.metadata.json`, plain, `.gz` or `.zst`, with
 * `oplog.bson` and `prelude.json` where there are any. What does not pair up is refused before any data is read.
 */
export async function readExternalFolder(
  dump: ExternalDump,
  hints: ExternalHints,
  tools: ImportTools,
  signal: AbortSignal,
): Promise<ExternalReading> {
  const { metadata, data, preludes, oplog } = sortFiles(dump);
  const findings = new Findings(tools);
  const small: StoredItem[] = [];
  const large: StoredItem[] = [];
  const leftOut = new Set<string>();
  const batchesOf = (named: Named) => readBatches(openPlain(named, signal), named.file.path);
  const add = (namespace: Namespace, bytes: Buffer | undefined, place: string, named?: Named) => {
    const { item, bytes: text, listed } = findings.define(namespace, bytes, place);
    small.push({ name: item, body: once(text) });
    const storage = storageOf(listed);
    if (storage === undefined) return listed.namespace;
    const found = named ?? takeData(data, storage, place);
    large.push({ name: dataItem(storage), body: findings.content(listed, batchesOf(found)) });
    return listed.namespace;
  };
  const addDefined = (named: Named, namespace: Namespace, bytes: Buffer) => {
    const { collection } = add(namespace, bytes, named.file.path);
    if (![escapeName(collection), collection].includes(named.base) && namespace.collection !== collection)
      throw malformed(named.file.path, `has the metadata of ${collection}`);
  };
  for (const named of metadata) {
    const namespace = namespaceOf(named);
    if (isServersOwn(realNamespace(namespace))) leftOut.add(nameOf(namespace));
    else addDefined(named, namespace, await readSmall(named, signal));
  }
  for (const [key, named] of data) {
    const namespace = realNamespace(namespaceOf(named));
    data.delete(key);
    if (isServersOwn(namespace)) leftOut.add(nameOf(namespace));
    else add(namespace, undefined, named.file.path, named);
  }
  if (oplog !== undefined) large.push({ name: OPLOG_ITEM, body: findings.oplog(batchesOf(oplog)) });
  const versions = {
    ...(await readVersions(preludes, signal)),
    ...(hints.serverVersion && { server: hints.serverVersion }),
  };
  small.push({ name: PRELUDE_ITEM, body: once(encodePrelude(versions)) });
  const newest = dump.files.reduce((latest, { modifiedAt }) => Math.max(latest, modifiedAt.getTime()), 0);
  return {
    parallel: PARALLEL_FILES,
    leftOut: [...leftOut],
    items: toStream([...small, ...large]),
    summary: async () => findings.summary(versions, hints, new Date(newest)),
  };
}

function sortFiles(dump: ExternalDump): Sorted {
  const metadata: Named[] = [];
  const data = new Map<string, Named>();
  const preludes: Named[] = [];
  let oplog: Named | undefined;
  for (const file of dump.files) {
    const { codec, plain } = splitSuffix(file.path);
    const [database, name, ...rest] = plain.includes("/") ? plain.split("/") : ["", plain];
    const make = (suffix: string) => ({
      file,
      codec,
      database: database ?? "",
      base: (name ?? "").slice(0, -suffix.length),
    });
    if (rest.length > 0 || name === undefined) throw notOfDump(dump, file);
    if (name === "prelude.json") preludes.push(make(""));
    else if (plain === "oplog.bson") oplog = make(DATA);
    else if (database !== "" && name.endsWith(METADATA)) metadata.push(make(METADATA));
    else if (database !== "" && name.endsWith(DATA))
      data.set(`${database}/${name.slice(0, -DATA.length)}`, make(DATA));
    else throw notOfDump(dump, file);
  }
  if (metadata.length === 0 && data.size === 0)
    throw new RefusedError(
      "INPUT_INVALID",
      `${dump.name} holds no dump: expected <database>/<collection>.bson and .metadata.json in it. Name the folder that mongodump wrote.`,
    );
  return { metadata, data, preludes, ...(oplog && { oplog }) };
}

function splitSuffix(path: string): { codec: Codec; plain: string } {
  if (path.endsWith(".gz")) return { codec: "gzip", plain: path.slice(0, -3) };
  if (path.endsWith(".zst")) return { codec: "zstd", plain: path.slice(0, -4) };
  return { codec: "none", plain: path };
}

function notOfDump(dump: ExternalDump, file: ExternalFile): RefusedError {
  return new RefusedError(
    "INPUT_INVALID",
    `${dump.name} holds ${file.path}, which is no file of a dump: expected <database>/<collection>.bson, .metadata.json, oplog.bson or prelude.json. Name the folder that mongodump wrote, or move the file away; nothing was stored.`,
    { facts: { path: file.path } },
  );
}

/** By the file's name; where that was cut, the metadata tells the collection's full one. */
function namespaceOf({ database, base }: Named): Namespace {
  return realNamespace({ database: unescapeName(database), collection: unescapeName(base) });
}

/** Takes the file of the documents out of `data`, also under a name that an old tool did not escape. */
function takeData(data: Map<string, Named>, storage: Namespace, place: string): Named {
  const names = [storage, ownerOf(storage)].flatMap(({ collection }) => [escapeName(collection), collection]);
  for (const name of names) {
    const key = `${escapeName(storage.database)}/${name}`;
    const found = data.get(key);
    if (found === undefined) continue;
    data.delete(key);
    return found;
  }
  throw new IntegrityError(
    "ARTIFACT_MISSING",
    `${place} has no ${escapeName(storage.collection)}${DATA} beside it: the documents of ${nameOf(storage)} are missing. Take another dump; nothing was stored.`,
    { facts: { namespace: nameOf(storage) } },
  );
}

function openPlain({ file, codec }: Named, signal: AbortSignal): Bytes {
  return chain(file.open(signal), untilAborted(signal), decompress(codec, signal), nameErrors(file.path));
}

function readSmall(named: Named, signal: AbortSignal): Promise<Buffer> {
  return collect(openPlain(named, signal), METADATA_BYTES_LIMIT, named.file.path);
}

async function readVersions([first]: readonly Named[], signal: AbortSignal): Promise<DumpVersions> {
  return first === undefined ? {} : parsePrelude(await readSmall(first, signal), first.file.path);
}

async function* toStream(items: readonly StoredItem[]): AsyncGenerator<StoredItem> {
  yield* items;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
