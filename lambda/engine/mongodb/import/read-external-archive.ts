import type {
  ExternalDump,
  ExternalFile,
  ExternalHints,
  ExternalReading,
  StoredItem,
} from "../../sources/source.ts";
import { decompressDetected } from "../../stream/detect-codec.ts";
import { chain, untilAborted } from "../../stream/stage.ts";
import { malformed } from "../archive/format.ts";
import { type Archive, openArchive } from "../archive/read-archive.ts";
import { storageOf } from "../fingerprint-live.ts";
import type { Listed } from "../list-namespaces.ts";
import { dataItem, isServersOwn, nameOf, OPLOG_ITEM, ownerOf, PRELUDE_ITEM } from "../names.ts";
import type { DocumentBatch } from "../split-documents.ts";
import { Findings, type ImportTools, realNamespace } from "./findings.ts";
import { nameErrors } from "./name-errors.ts";
import { encodePrelude } from "./prelude.ts";
import { type SeparatedNamespace, separateNamespaces } from "./separate-namespaces.ts";

/** Collections that mongodump writes at once unless told otherwise. */
const USUAL_PARALLEL = 4;
/** Each is an upload with parts in memory. */
const PARALLEL_LIMIT = 32;

/** What becomes of a namespace of the archive, by its name. */
type Use = { readonly kind: "data"; readonly listed: Listed } | { readonly kind: "oplog" | "left-out" };

/** Reads an archive of `mongodump --archive`, plain or packed by gzip or zstd. */
export async function readExternalArchive(
  dump: ExternalDump & { readonly file: ExternalFile },
  hints: ExternalHints,
  tools: ImportTools,
  signal: AbortSignal,
): Promise<ExternalReading> {
  const plain = chain(
    dump.file.open(signal),
    untilAborted(signal),
    decompressDetected(signal),
    nameErrors(dump.name),
  );
  const archive = await openArchive(plain, dump.name);
  const findings = new Findings(tools);
  const { uses, small } = planArchive(archive, findings, dump.name);
  const { serverVersion, toolVersion: tool } = archive.header;
  const server = hints.serverVersion ?? serverVersion;
  const versions = { ...(server && { server }), ...(tool && { tool }) };
  const prelude = encodePrelude(versions);
  const parallel = Math.min(Math.max(archive.header.concurrentCollections, USUAL_PARALLEL), PARALLEL_LIMIT);
  async function* items(): AsyncGenerator<StoredItem> {
    for (const [name, bytes] of [[PRELUDE_ITEM, prelude] as const, ...small])
      yield { name, body: once(bytes) };
    for await (const separated of separateNamespaces(archive, dump.name, parallel)) {
      const item = await useNamespace(separated, uses, findings, dump.name);
      if (item !== undefined) yield item;
    }
  }
  return {
    parallel,
    leftOut: [...uses].filter(([, { kind }]) => kind === "left-out").map(([name]) => name),
    items: items(),
    summary: async () => findings.summary(versions, hints, dump.file.modifiedAt),
  };
}

function planArchive({ entries }: Archive, findings: Findings, name: string) {
  const uses = new Map<string, Use>();
  const small: (readonly [string, Buffer])[] = [];
  for (const { namespace, metadata } of entries) {
    const real = realNamespace(namespace);
    const full = nameOf(namespace);
    if (namespace.database === "" && namespace.collection === "oplog") uses.set(full, { kind: "oplog" });
    else if (isServersOwn(real)) uses.set(full, { kind: "left-out" });
    else {
      const text = metadata === "" ? undefined : Buffer.from(metadata);
      const { item, bytes, listed } = findings.define(real, text, `${name} (prelude, ${full})`);
      if (nameOf(listed.namespace) !== nameOf(real))
        throw malformed(`${name} (prelude, ${full})`, `has the metadata of ${nameOf(listed.namespace)}`);
      small.push([item, bytes]);
      uses.set(full, { kind: "data", listed });
    }
  }
  return { uses, small };
}

/** The item of a namespace, or undefined after it was read to its end for nothing. */
async function useNamespace(
  { namespace, batches }: SeparatedNamespace,
  uses: ReadonlyMap<string, Use>,
  findings: Findings,
  name: string,
): Promise<StoredItem | undefined> {
  const use = uses.get(nameOf(namespace)) ?? uses.get(nameOf(ownerOf(namespace)));
  if (use?.kind === "oplog") return { name: OPLOG_ITEM, body: findings.oplog(batches) };
  const storage = use?.kind === "data" ? storageOf(use.listed) : undefined;
  if (use?.kind === "data" && storage !== undefined)
    return { name: dataItem(storage), body: findings.content(use.listed, batches) };
  const documents = await countDocuments(batches);
  if (use?.kind === "data" && documents > 0)
    throw malformed(name, `has ${documents} documents of the view ${nameOf(namespace)}, expected none`);
  return undefined;
}

async function countDocuments(batches: AsyncIterable<DocumentBatch>): Promise<number> {
  let documents = 0;
  for await (const { ends } of batches) documents += ends.length;
  return documents;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
