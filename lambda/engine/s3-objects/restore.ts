import { extractFiles, type Packed } from "../files/extract.ts";
import { InFlight } from "../files/in-flight.ts";
import { IntegrityError, RefusedError, throwIfAborted } from "../model/errors.ts";
import type { Progress, RestoreItem, RestoreReport, TargetGuard } from "../sources/source.ts";
import { readBuckets } from "./buckets-file.ts";
import type { Entry } from "./entry.ts";
import { type IndexPart, readIndex } from "./index-file.ts";
import { OBJECTS_AHEAD, SMALL_OBJECT_BYTES } from "./limits.ts";
import { showKey } from "./list-bucket.ts";
import { putObject, requireUploadable } from "./put-object.ts";
import type { Selection } from "./selection.ts";
import type { Store } from "./store.ts";
import {
  type BucketPlan,
  deleteObject,
  finishBuckets,
  prepareBucket,
  requireBucket,
} from "./target-bucket.ts";
import { planHistory, planLatest, type Step } from "./waves.ts";

export interface RestoreTools {
  readonly store: Store;
  readonly selection: Selection;
  readonly guard: TargetGuard;
  readonly isDrill: boolean;
  readonly partBytes: number;
  /** Throws `RefusedError` for a bucket that the configuration does not name. */
  requireNamed(bucket: string): void;
  readonly beforeChange?: () => Promise<void>;
  progress(event: Progress): void;
}

/**
 * Restores what is selected: whole buckets with their history and settings, of parts what each key last was. All
 * indexes are read and judged before anything is changed; every object is compared with its SHA-256 as it is written.
 */
export async function restoreObjects(
  items: readonly RestoreItem[],
  tools: RestoreTools,
): Promise<RestoreReport> {
  const { store, selection, guard, isDrill } = tools;
  const plans = await makePlans(items, tools);
  for (const plan of plans) await requireBucket(store, plan, selection, guard === "replace");
  await tools.beforeChange?.();
  for (const plan of plans) await prepareBucket(store, plan, selection);
  const restore = new Restore(items, plans, tools);
  for await (const part of readIndex(items)) await restore.part(part);
  await finishBuckets(store, plans, selection, isDrill);
  return restore.report();
}

/** Throws `IntegrityError` for a faulty index and an artifact that is not there, `RefusedError`. */
async function makePlans(items: readonly RestoreItem[], tools: RestoreTools): Promise<BucketPlan[]> {
  const { isSelected, isWhole, targetOf } = tools.selection;
  const names = new Set(items.map(({ name }) => name));
  const described = await readBuckets(items);
  const meant = new Set(described.map(({ name }) => name).filter(isWhole));
  const known = new Set(described.map(({ name }) => name));
  for await (const { entries } of readIndex(items))
    for (const entry of entries) {
      if (!isSelected(entry)) continue;
      meant.add(entry.bucket);
      if (!known.has(entry.bucket)) throw missing("description", entry);
      if (entry.type !== "object") continue;
      if (!names.has(entry.artifact)) throw missing(`artifact ${entry.artifact}`, entry);
      requireUploadable(entry, tools.partBytes);
    }
  if (meant.size === 0)
    throw new RefusedError(
      "INPUT_INVALID",
      "Nothing of the backup is selected. Name a bucket, prefix or key that it holds; nothing was changed.",
    );
  for (const name of meant) tools.requireNamed(name);
  return described
    .filter(({ name }) => meant.has(name))
    .map(({ name, settings }) => ({ name, settings, target: targetOf(name), isWhole: isWhole(name) }));
}

interface PackedStep extends Packed {
  readonly step: Step;
}

class Restore {
  readonly #items: ReadonlyMap<string, RestoreItem>;
  readonly #plans: ReadonlyMap<string, BucketPlan>;
  readonly #tools: RestoreTools;
  #records = 0;
  #bytes = 0;

  constructor(items: readonly RestoreItem[], plans: readonly BucketPlan[], tools: RestoreTools) {
    this.#items = new Map(items.map((item) => [item.name, item]));
    this.#plans = new Map(plans.map((plan) => [plan.name, plan]));
    this.#tools = tools;
  }

  async part({ entries }: IndexPart): Promise<void> {
    const selected = entries.filter((entry) => this.#tools.selection.isSelected(entry));
    const isWhole = ({ bucket }: Entry) => this.#plans.get(bucket)?.isWhole === true;
    const history = planHistory(selected.filter(isWhole));
    const latest = planLatest(selected.filter((entry) => !isWhole(entry)));
    for (const { waves, markers } of [history, latest]) {
      for (const marker of markers) await this.#delete(marker, 1);
      for (const wave of waves) await this.#wave(wave);
    }
  }

  report(): RestoreReport {
    return { records: this.#records, replayedOperations: 0, bytes: this.#bytes };
  }

  async #wave(steps: readonly Step[]): Promise<void> {
    const packs = Map.groupBy(steps, ({ entry }) => entry.artifact);
    for (const artifact of [...packs.keys()].sort()) {
      const item = this.#items.get(artifact);
      if (item === undefined) continue;
      this.#tools.progress({ phase: "restore", name: artifact, bytes: item.plainBytes });
      await this.#extract(item, (packs.get(artifact) ?? []).map(toPacked));
    }
  }

  /** Small objects go side by side, but never two versions of one key. */
  async #extract(item: RestoreItem, entries: readonly PackedStep[]): Promise<void> {
    const writing = new InFlight(OBJECTS_AHEAD);
    const writtenNow = new Set<string>();
    try {
      for await (const { entry, pieces } of extractFiles(item, entries)) {
        throwIfAborted(this.#tools.store.signal);
        const { step } = entry;
        const key = `${step.entry.bucket}/${step.entry.key}`;
        if (writtenNow.has(key)) {
          await writing.end();
          writtenNow.clear();
        }
        writtenNow.add(key);
        if (entry.bytes > SMALL_OBJECT_BYTES) await this.#put(step, pieces);
        else {
          const gathered = await Array.fromAsync(pieces);
          await writing.add(() => this.#put(step, toStream(gathered)));
        }
      }
    } finally {
      await writing.end();
    }
    writing.throwIfFailed();
  }

  async #put({ entry, before, after }: Step, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#delete(entry, before);
    const upload = { bucket: this.#targetOf(entry), entry, partBytes: this.#tools.partBytes };
    await putObject(this.#tools.store, upload, pieces);
    await this.#delete(entry, after);
    this.#records += 1;
    this.#bytes += entry.bytes;
  }

  async #delete(entry: Entry, times: number): Promise<void> {
    const object = { bucket: this.#targetOf(entry), key: entry.key };
    for (let time = 0; time < times; time++) await deleteObject(this.#tools.store, object);
  }

  #targetOf({ bucket }: Entry): string {
    return this.#tools.selection.targetOf(bucket);
  }
}

function toPacked(step: Step): PackedStep {
  const { key, bytes, sha256, artifact, offset } = step.entry;
  return { step, path: Buffer.from(key), bytes, sha256, place: { artifact, offset } };
}

async function* toStream(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

function missing(what: string, entry: Entry): IntegrityError {
  return new IntegrityError(
    "ARTIFACT_MISSING",
    `The ${what} with ${showKey(entry)} is not in the backup. Nothing was changed; take another recovery point.`,
  );
}
