import { invariant, RefusedError } from "../model/errors.ts";
import { logTimeOf } from "../model/position.ts";
import type { RestoreItem, RestoreReport, RestoreRequest } from "../sources/source.ts";
import { buildIndexes, builtIndexes, isUnique, tryBuildIndexes } from "./create-indexes.ts";
import type { DumpTools } from "./dump-tools.ts";
import { inParallel } from "./in-parallel.ts";
import type { Listed } from "./list-namespaces.ts";
import { nameOf } from "./names.ts";
import { hasOplog, readEntry, waitForMajority } from "./oplog.ts";
import { type Replayed, type ReplayedLog, replayOplog } from "./replay-log.ts";
import { checkRestorable } from "./restorable.ts";
import { createNamespace, restoreData } from "./restore-data.ts";
import { planRestore, type RestorePlan } from "./restore-items.ts";
import { restoreUsers } from "./restore-users.ts";
import { Narrowing } from "./scope/narrowing.ts";
import type { ScopedLog } from "./scope/scoped-log.ts";
import { splitDocuments } from "./split-documents.ts";
import { clearPart, clearTarget } from "./target.ts";
import { TouchedNamespaces } from "./touched.ts";

/** As many as a server works at once by default (`maxNumActiveUserIndexBuilds`); it lets others wait. */
const INDEX_BUILDS_AT_ONCE = 3;
const BATCH = { bytes: 1024 * 1024, documents: 5_000 } as const;

/** Writes a backup onto a server, in the order of docs/adr/0002. Throws `IntegrityError` for a single lost record. */
export async function restore(tools: DumpTools, request: RestoreRequest): Promise<RestoreReport> {
  const { connection } = tools;
  checkVersions(tools, request);
  const whole = await planRestore(connection.driver, request.items, connection.signal);
  const narrowing = Narrowing.of(request, whole);
  const plan = narrowing?.plan ?? whole;
  await checkTarget(tools, plan);
  const log = logOf(request, plan.oplog);
  if (narrowing === undefined) await clearTarget(connection, request);
  else await clearPart(connection, request, await narrowing.check(log, connection.signal));
  const records = await restoreData(tools, plan.collections);
  const touched =
    plan.oplog === undefined
      ? new Set<string>()
      : await listTouched(plan.oplog, connection.signal, narrowing?.newLog());
  const collections = plan.collections.map(({ listed }) => listed);
  const deferred = await createIndexes(tools, collections, touched, request.beforeReplay !== undefined);
  for (const view of plan.views) await createNamespace(tools, view);
  const users = await restoreUsers(tools, plan.users);
  await compareBeforeReplay(tools, request, deferred);
  const views = plan.views.map(({ listed }) => listed);
  const { operations, ...replayed }: Replayed = hasEntries(log)
    ? await replayOplog(tools, log, [...collections, ...views], touched, narrowing?.newLog())
    : { operations: 0 };
  // What only the primary has, an election would take back under a record that says it was recovered.
  if (await hasOplog(connection)) await waitForMajority(connection);
  const bytes = request.items.reduce((sum, { plainBytes }) => sum + plainBytes, 0);
  return { records: records + users, replayedOperations: operations, ...replayed, bytes };
}

function hasEntries({ items, slices = [] }: ReplayedLog): boolean {
  return items.length + slices.length > 0;
}

/** The dump's own span to its end, then the slices from there. */
function logOf({ manifest, changes }: RestoreRequest, own: RestoreItem | undefined): ReplayedLog {
  const base = logTimeOf(manifest.to);
  const until = changes && logTimeOf(changes.until);
  if (changes === undefined || changes.items.length === 0) return { items: own ? [own] : [] };
  invariant(
    base !== undefined && until !== undefined,
    "slices were to be replayed onto a backup without a log",
  );
  return { items: own ? [own] : [], slices: changes.items, base, until };
}

/**
 * Builds all indexes of what the oplog leaves alone. Of what it touches, unique ones are only built when they are to
 * be compared now, and where this half-way moment allows them; the answer lists where it did not.
 */
async function createIndexes(
  { connection }: DumpTools,
  all: readonly Listed[],
  touched: ReadonlySet<string>,
  comparing: boolean,
): Promise<Listed[]> {
  const deferred: Listed[] = [];
  await inParallel(all, INDEX_BUILDS_AT_ONCE, async (listed) => {
    const built = builtIndexes(listed.indexes);
    const lasting = built.filter((index) => !isUnique(index));
    if (!touched.has(nameOf(listed.namespace))) await buildIndexes(connection, listed.namespace, built);
    else if (!comparing) await buildIndexes(connection, listed.namespace, lasting);
    else if (!(await tryBuildIndexes(connection, listed.namespace, built))) deferred.push(listed);
  });
  return deferred;
}

/** While the hook runs, a deferred unique index counts as built: the replay's end builds it or fails. */
async function compareBeforeReplay(
  tools: DumpTools,
  request: RestoreRequest,
  deferred: readonly Listed[],
): Promise<void> {
  if (request.beforeReplay === undefined) return;
  for (const listed of deferred) tools.deferred.set(nameOf(listed.namespace), listed.indexes);
  try {
    await request.beforeReplay();
  } finally {
    tools.deferred.clear();
  }
}

/** Before anything is written: whether this server takes all that the plan has. */
async function checkTarget({ connection, versions }: DumpTools, { collections }: RestorePlan): Promise<void> {
  const target = { version: versions.server ?? "", standalone: !(await hasOplog(connection)) };
  checkRestorable(
    collections.map(({ listed }) => listed),
    target,
  );
}

function checkVersions(tools: DumpTools, { manifest }: RestoreRequest): void {
  const source = manifest.versions.featureCompatibility ?? manifest.versions.server ?? "";
  const target = tools.versions.server ?? "";
  if (Number.parseInt(source, 10) <= Number.parseInt(target, 10) || source === "") return;
  throw new RefusedError(
    "VERSION_INCOMPATIBLE",
    `The backup is of MongoDB ${source}, the target is ${target}: older than the data. Restore onto ${source} or newer.`,
    { facts: { source, target } },
  );
}

async function listTouched(
  oplog: RestoreItem,
  signal: AbortSignal,
  scoped: ScopedLog | undefined,
): Promise<Set<string>> {
  const touched = new TouchedNamespaces();
  for await (const { bytes, ends } of splitDocuments(oplog, BATCH, signal)) {
    let start = 0;
    for (const end of ends) {
      const entry = readEntry(bytes.subarray(start, end));
      for (const one of scoped?.take(entry) ?? [entry]) touched.add(one);
      start = end;
    }
  }
  return new Set(touched.names([]));
}
