import { ListBucketsCommand } from "@aws-sdk/client-s3";
import { RefusedError } from "../model/errors.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import { makeId } from "../model/ids.ts";
import type {
  Context,
  DumpOptions,
  FingerprintOptions,
  RestoreReport,
  RestoreRequest,
  Session,
  SourceFacts,
} from "../sources/source.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import { S3Dump } from "./dump.ts";
import { fingerprintBuckets } from "./fingerprint-live.ts";
import { DRILL_RELEASE } from "./limits.ts";
import { compareKeys, isEmpty, readVersioning } from "./list-bucket.ts";
import { restoreObjects } from "./restore.ts";
import { selectObjects } from "./selection.ts";
import type { Store } from "./store.ts";

export interface SessionTools {
  readonly store: Store;
  /** Those of the configuration; of a drill, whatever is on its server. */
  readonly buckets: readonly string[] | "all";
  readonly unreadable: "fail" | "report";
  /** What is larger goes up in parts of so many bytes. */
  readonly partBytes: number;
  readonly context: Context;
  readonly newContent: () => ContentHash;
  close(): Promise<void>;
}

/** A session on the buckets of one server. */
export class S3Session implements Session {
  readonly #tools: SessionTools;

  constructor(tools: SessionTools) {
    this.#tools = tools;
  }

  async probe(): Promise<SourceFacts> {
    const { store, context } = this.#tools;
    let empty = true;
    const namespaces: string[] = [];
    for (const bucket of await this.#buckets()) {
      const versioning = await readVersioning(store, bucket);
      if (versioning === undefined) continue;
      namespaces.push(bucket);
      empty &&= await isEmpty(store, bucket, versioning);
    }
    const position = { at: context.clock.now().toISOString() };
    return { versions: { major: DRILL_RELEASE }, bytesEstimate: 0, position, empty, namespaces };
  }

  dump({ previous, purpose }: DumpOptions): S3Dump {
    const { store, unreadable, context, newContent, buckets } = this.#tools;
    const { clock, random } = context;
    const names = buckets === "all" ? [] : buckets;
    const tools = {
      ...{ store, unreadable, clock, newContent },
      buckets: names,
      missing: purpose === "safety" ? ("note" as const) : ("fail" as const),
      dumpId: makeId(clock, random),
      progress: context.progress,
    };
    return new S3Dump(tools, previous);
  }

  async restore({ items, guard, scope, beforeChange, beforeReplay }: RestoreRequest): Promise<RestoreReport> {
    const { store, context, partBytes, buckets } = this.#tools;
    const selection = selectObjects(scope);
    const report = await restoreObjects(items, {
      ...{ store, selection, partBytes },
      // What is put beside the live bucket never goes over anything.
      guard: selection.isBeside ? "refuse-non-empty" : guard,
      isDrill: buckets === "all",
      requireNamed: (bucket) => this.#requireNamed(bucket),
      ...(beforeChange && { beforeChange }),
      progress: context.progress,
    });
    await beforeReplay?.();
    return report;
  }

  /** Of a part of a bucket nothing is said: its objects were compared as they were written. */
  async fingerprint({ namespaces, restored }: FingerprintOptions = {}): Promise<Fingerprint> {
    const { store, newContent } = this.#tools;
    const { isWhole, targetOf } = selectObjects(restored?.scope);
    const all = await this.#buckets();
    const judged = restored?.scope === undefined ? all : all.filter(isWhole).map(targetOf);
    const wanted = judged.filter((bucket) => namespaces?.includes(bucket) ?? true);
    return await fingerprintBuckets(store, wanted, newContent);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tools.store.close();
    await this.#tools.close();
  }

  /** Also what should not be on a drill's server is seen. */
  async #buckets(): Promise<readonly string[]> {
    const { buckets, store } = this.#tools;
    if (buckets !== "all") return buckets.toSorted(compareKeys);
    const { Buckets = [] } = await store.call("list the buckets", (client, options) =>
      client.send(new ListBucketsCommand({}), options),
    );
    return Buckets.map(({ Name = "" }) => Name).sort(compareKeys);
  }

  #requireNamed(bucket: string): void {
    const { buckets } = this.#tools;
    if (buckets === "all" || buckets.includes(bucket)) return;
    throw new RefusedError(
      "INPUT_INVALID",
      `The backup holds the bucket ${bucket}, and the estate names only ${buckets.join(", ")}. Name it in estate.yaml, or select the others; nothing was changed.`,
      { facts: { bucket } },
    );
  }
}
