import { RefusedError } from "../model/errors.ts";
import type { Fingerprint, NamespaceFingerprint } from "../model/fingerprint.ts";
import { type RestoreScope, refuseScope, selectorOf } from "../model/scope.ts";
import type { Scopes } from "../sources/source.ts";

const BUCKET_NAME_LIMIT = 63;

/** What is restored of a backup, and where it goes. */
export interface Selection {
  isSelected(object: { readonly bucket: string; readonly key: string }): boolean;
  /** Whether all of a bucket is meant. */
  isWhole(bucket: string): boolean;
  /** The bucket that it goes into. */
  targetOf(bucket: string): string;
  readonly isBeside: boolean;
}

/** Patterns are of `bucket/key`; one that fits up to a `/` of the key means all below it. */
export function selectObjects(scope: RestoreScope | undefined): Selection {
  const included = selectorOf(scope?.include && { include: scope.include });
  const excluded = scope?.exclude && selectorOf({ include: scope.exclude });
  const fits = (path: string, takes: (name: string) => boolean) => pathsTo(path).some(takes);
  return {
    isSelected: ({ bucket, key }) => {
      if (scope === undefined) return true;
      const path = `${bucket}/${key}`;
      return fits(path, included) && !(excluded !== undefined && fits(path, excluded));
    },
    isWhole: (bucket) =>
      scope?.exclude === undefined &&
      (scope?.include === undefined || included(bucket) || scope.include.includes(`${bucket}/*`)),
    targetOf: (bucket) => (scope?.beside === undefined ? bucket : nameBeside(bucket, scope.beside)),
    isBeside: scope?.beside !== undefined,
  };
}

/** A bucket's name has neither `_` nor capitals; the mark is kept whole, the name cut where both are too long. */
function nameBeside(bucket: string, beside: string): string {
  const mark = `-recovered-${beside.toLowerCase()}`.replace(/-+$/, "");
  return bucket.slice(0, BUCKET_NAME_LIMIT - mark.length) + mark;
}

/** `a/b/c` is in `a` and in `a/b`. */
function pathsTo(path: string): string[] {
  const paths = [path];
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1))
    paths.push(path.slice(0, end));
  return paths;
}

/** Objects are restored by bucket, prefix or key. What is dumped is the configuration's business. */
export const s3Scopes: Scopes = {
  checkDump() {
    throw new RefusedError(
      "INPUT_INVALID",
      "A part of a bucket is not dumped by a scope: unchanged objects cost nothing. Name buckets in estate.yaml.",
    );
  },
  planRestore(manifest, scope) {
    const buckets = Object.keys(manifest.fingerprint);
    const selection = selectObjects(scope);
    const meant = buckets.filter((bucket) => isMeant(bucket, scope));
    const faults = [...findFaults(scope, buckets), ...findCollisions(meant, selection)];
    if (faults.length > 0) refuseScope(faults);
    const targets = new Map(meant.map((bucket) => [bucket, selection.targetOf(bucket)]));
    const whole = meant.filter((bucket) => selection.isWhole(bucket));
    return {
      targets,
      isTarget: (name) => [...targets.values()].includes(name),
      neverOverwrites: selection.isBeside,
      expected: { fingerprint: expectedOf(manifest.fingerprint, whole, selection) },
      notes: meant
        .filter((bucket) => !whole.includes(bucket))
        .map(
          (bucket) =>
            `${bucket}: a part of it, each key as it last was; every body is compared as it is written, and not again afterwards`,
        ),
    };
  },
};

function expectedOf(found: Fingerprint, whole: readonly string[], selection: Selection): Fingerprint {
  return Object.fromEntries(
    whole.flatMap((bucket) => {
      const namespace = found[bucket];
      if (namespace === undefined) return [];
      return [[selection.targetOf(bucket), selection.isBeside ? withoutOwnRules(namespace) : namespace]];
    }),
  );
}

/** Policy and lifecycle name the live bucket, or would act on the one beside it: they are not set there. */
function withoutOwnRules(namespace: NamespaceFingerprint): NamespaceFingerprint {
  const { policy: _, lifecycle: __, ...options } = namespace.options as Record<string, string | number>;
  return { ...namespace, options };
}

function findFaults(scope: RestoreScope | undefined, buckets: readonly string[]): string[] {
  const renamed = scope?.rename === undefined ? [] : ["rename: objects keep their keys; restore them beside"];
  const users = scope?.users === undefined ? [] : ["users: buckets have none"];
  const idle = [...(scope?.include ?? []), ...(scope?.exclude ?? [])]
    .filter((pattern) => !buckets.some((bucket) => reaches(pattern, bucket)))
    .map((pattern) => `${pattern} begins with none of the buckets ${buckets.join(", ")}`);
  return [...renamed, ...users, ...idle];
}

function findCollisions(buckets: readonly string[], { targetOf }: Selection): string[] {
  const targets = buckets.map(targetOf);
  return buckets
    .filter((bucket, at) => targets.indexOf(targetOf(bucket)) !== at)
    .map(
      (bucket) =>
        `beside: the name of ${bucket} is too long, and cut it is that of another; choose a shorter mark`,
    );
}

function isMeant(bucket: string, scope: RestoreScope | undefined): boolean {
  return scope?.include === undefined || scope.include.some((pattern) => reaches(pattern, bucket));
}

/** Whether a pattern can fit a bucket, or something in it, by what stands before its first star. */
function reaches(pattern: string, bucket: string): boolean {
  const head = pattern.split("*", 1)[0] ?? "";
  if (head.length < pattern.length && `${bucket}/`.startsWith(head)) return true;
  return head === bucket || head.startsWith(`${bucket}/`);
}
