import { type DrillPlace, type S3Config, s3ConfigSchema } from "../s3-objects/config.ts";
import { INDEX_PREFIX } from "../s3-objects/index-prefix.ts";
import { DRILL_RELEASE } from "../s3-objects/limits.ts";
import { s3Scopes } from "../s3-objects/selection.ts";
import type { Source } from "./source.ts";

/** Buckets of MinIO, or of any server that speaks S3. */
export const s3: Source<S3Config | DrillPlace> = {
  kind: "s3",
  description: {
    title: "Buckets of MinIO or any S3",
    covers: [
      "every version of every object with headers, metadata and tags, and delete markers, in their order; keys of any characters",
      "by the listing only new objects are read and stored, small ones packed; tags are asked for every time, as they change without a trace",
      "of each bucket: versioning, policy, lifecycle, tags, notification, CORS, default encryption",
      "whole buckets with their history, beside or in place; a prefix or one key as it last was in that backup, on top of the live history",
      "a drill restores all of it into a MinIO of its own and reads every version back",
    ],
    leavesOut: [
      "objects encrypted with a customer's key (SSE-C), forbidden or archived: each fails the backup by name, or with `unreadable: report` is left out and named",
      "users, groups and policies of MinIO: its admin interface is encrypted in a form of its own; keep `mc admin cluster iam export` beside",
      "ids and times of versions, which the server gives anew; locks and holds of objects, access lists, storage classes",
      "one moment: each object is whole, and a bucket that is written to meanwhile is as old as the moments at which its keys were read",
      "CORS, encryption, notification and lifecycles that move to a tier in a drill: they name what only the live server has. A recovery sets them and reads them back",
      "keys that MinIO does not take (`./`, `../`, `//`, more than 255 bytes between two `/`) from another S3: their drill fails by name; objects above 625 GiB",
      "the order of a delete marker and an older version written within the same second, where a server tells no finer times",
    ],
  },
  config: s3ConfigSchema,
  needs: {
    compute: "fargate",
    stage: "files",
    keepsLog: false,
    reuse: { rereads: INDEX_PREFIX },
    drill: {
      image: "docker.io/minio/minio",
      majors: [DRILL_RELEASE],
      port: 9000,
      command: ["server", "/data", "--address", "127.0.0.1:9000"],
    },
  },
  scopes: s3Scopes,
  // Loaded here only: synth loads no client of AWS.
  open: async (config, context, purpose) =>
    (await import("../s3-objects/open.ts")).openS3(config, context, purpose),
  drillConfig: (address) => ({ drill: address }),
};
