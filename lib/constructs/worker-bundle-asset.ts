import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Aws } from "aws-cdk-lib";
import { Asset } from "aws-cdk-lib/aws-s3-assets";
import { Construct } from "constructs";
import type { Grant } from "./grant.ts";

/** The one-file worker bundle as a file asset of the CDK, with the digest that a task checks before it runs it. */
export class WorkerBundleAsset extends Construct {
  readonly bucketName: string;
  readonly key: string;
  /** Hex, of the file itself. */
  readonly sha256: string;

  constructor(scope: Construct, id: string, file: string) {
    super(scope, id);
    const asset = new Asset(this, "Asset", { path: file });
    this.bucketName = asset.s3BucketName;
    this.key = asset.s3ObjectKey;
    this.sha256 = createHash("sha256").update(readFileSync(file)).digest("hex");
  }

  /** Lets a task's role fetch this very object. */
  get readGrant(): Grant {
    return {
      actions: ["s3:GetObject"],
      resources: [`arn:${Aws.PARTITION}:s3:::${this.bucketName}/${this.key}`],
      why: "Fetches the worker bundle.",
    };
  }
}
