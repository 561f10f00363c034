import type { Grant } from "./grant.ts";
import type { EstateStores } from "./stores.ts";

/** Asks Glacier for readable copies of artifacts; `data` begins their keys. */
export function askGlacier(stores: EstateStores, data: readonly string[]): Grant {
  return {
    actions: ["s3:RestoreObject"],
    resources: artifactsOf(stores, data),
    why: "Asks for readable copies of what lies in Glacier; the stored version stays as it is.",
  };
}

/** Sees the locks of artifacts; without it S3 leaves them out of what it says of an object. */
export function seeLocks(stores: EstateStores, data: readonly string[]): Grant {
  return {
    actions: ["s3:GetObjectRetention"],
    resources: artifactsOf(stores, data),
    why: "Sees that artifacts are locked as long as was promised; their keys are known by prefix only.",
  };
}

function artifactsOf({ vaultBucketArn }: EstateStores, data: readonly string[]): string[] {
  return data.map((prefix) => `${vaultBucketArn}/${prefix}/*`);
}
