import { z } from "zod";
import { cadenceSchema } from "./cadence.ts";
import { IntegrityError } from "./errors.ts";
import { fingerprintSchema } from "./fingerprint.ts";
import { idSchema } from "./ids.ts";
import { encodeJson, parseJson } from "./json.ts";
import { dumpScopeSchema } from "./scope.ts";

const instant = z.iso.datetime({ offset: false });
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A moment inside a source that has a log, e.g. an oplog timestamp; `at` is the same moment as a wall clock. */
export const positionSchema = z.strictObject({ at: instant, log: z.string().optional() });
export type Position = z.infer<typeof positionSchema>;

/** One stored object. Read by `versionId`, so that a delete marker hides nothing. */
const artifactSchema = z.strictObject({
  /** Path inside the dump, without the codec's suffix: `dump/erp/invoices.bson`. */
  name: z.string().min(1),
  part: z.int().positive().optional(),
  key: z.string().min(1),
  versionId: z.string().min(1),
  codec: z.enum(["zstd", "gzip", "none"]),
  plainBytes: z.int().nonnegative(),
  storedBytes: z.int().nonnegative(),
  /** Of the stored bytes. */
  sha256,
  lockedUntil: instant,
  expiresAt: instant,
  /** The backup that stored it first, when this one reuses it. */
  reuse: idSchema.optional(),
});
export type Artifact = z.infer<typeof artifactSchema>;

/** What was true at the dump's end of namespaces that changed while it ran. */
const endStateSchema = z.strictObject({
  /** Namespaces that the log of the dump's span touches. */
  touched: z.array(z.string()),
  /** Read from a snapshot at `to`; a touched namespace that is missing here can only be called `replayed`. */
  fingerprint: fingerprintSchema,
});
export type EndState = z.infer<typeof endStateSchema>;

/** A command in a slice that takes a collection or database away, a rename over one included; a replay must stop before it, or be told to go on. */
const destructiveCommandSchema = z.strictObject({
  command: z.enum(["drop", "dropDatabase", "renameCollection"]),
  /** The collection, or the database, that is gone. */
  namespace: z.string(),
  at: positionSchema,
});
export type DestructiveCommand = z.infer<typeof destructiveCommandSchema>;

/**
 * Manifest v1: what a backup consists of. It is written last and is the commit: no manifest, no backup.
 * A stored contract (docs/adr/0001); fields are added, never renamed.
 */
export const manifestSchema = z.strictObject({
  formatVersion: z.literal(1),
  backupId: idSchema,
  setId: idSchema,
  slot: instant,
  cadence: cadenceSchema,
  source: z.string().regex(/^[a-z][a-z0-9-]*$/),
  /** The source's kind in the registry: `mongodb`. */
  kind: z.string(),
  type: z.enum(["full", "slice"]),
  /**
   * `safety`: made by a recovery of what it was about to overwrite, which may be ruins. `import`: of another tool's dump,
   * of any age, which a file's time may hide.
   */
  purpose: z.enum(["safety", "import"]).optional(),
  base: idSchema.optional(),
  from: positionSchema.optional(),
  /** The position that a restore of this backup reaches. */
  to: positionSchema,
  startedAt: instant,
  sealedAt: instant,
  versions: z.record(z.string(), z.string()),
  fingerprint: fingerprintSchema,
  endState: endStateSchema.optional(),
  /** Of a slice; the first ones, where there are very many. */
  destructive: z.array(destructiveCommandSchema).optional(),
  /** Of a slice: namespaces whose changes in it no replay applies, as users and roles. */
  notReplayed: z.array(z.string()).optional(),
  /** What was dumped, where that is not everything: such a backup never stands in for a whole one. */
  scope: dumpScopeSchema.optional(),
  /** What an operator ought to know of it, such as files that changed at every try; the first ones, where there are many. */
  notes: z.array(z.string()).optional(),
  artifacts: z.array(artifactSchema),
  lockedUntil: instant,
  expiresAt: instant,
});
export type Manifest = z.infer<typeof manifestSchema>;

/** A manifest is read whole, so it keeps so many notes at most. */
export const MANIFEST_NOTES_LIMIT = 50;

/** A manifest from its stored bytes; throws `IntegrityError` MANIFEST_INVALID that names `key` and every fault. */
export function parseManifest(bytes: Uint8Array, key: string): Manifest {
  const parsed = manifestSchema.safeParse(parseJson(bytes));
  if (parsed.success) return parsed.data;
  throw new IntegrityError(
    "MANIFEST_INVALID",
    `The manifest ${key} does not have its stored format: ${z.prettifyError(parsed.error)}. Take another recovery point, and ask who wrote this one.`,
    { facts: { key } },
  );
}

/**
 * The stored bytes of a manifest. Equal manifests give equal bytes: fields in the order of the schema, namespaces and
 * artifacts by name. The order inside options and indexes carries meaning and is kept.
 */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const parsed = manifestSchema.parse(manifest);
  const { endState } = parsed;
  const ordered: Manifest = {
    ...parsed,
    versions: sortKeys(parsed.versions),
    fingerprint: sortKeys(parsed.fingerprint),
    ...(endState && {
      endState: { touched: endState.touched.toSorted(), fingerprint: sortKeys(endState.fingerprint) },
    }),
    artifacts: parsed.artifacts.toSorted(byNameAndPart),
  };
  return encodeJson(ordered);
}

function sortKeys<Value>(record: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).sort(([left], [right]) => (left < right ? -1 : 1)));
}

function byNameAndPart(left: Artifact, right: Artifact): number {
  if (left.name !== right.name) return left.name < right.name ? -1 : 1;
  return (left.part ?? 0) - (right.part ?? 0);
}
