import { describe, expect, it } from "vitest";
import { s3ConfigSchema } from "../../../lambda/engine/s3-objects/config.ts";

const LEAST = {
  reach: { via: "container", container: "minio" },
  buckets: ["photos"],
  accessKeyId: "estate-backup",
  secretKeySecret: "erp/minio",
};

describe("the configuration of buckets", () => {
  it("is complete with a server, buckets and a key", () => {
    expect(s3ConfigSchema.parse(LEAST)).toMatchObject({
      reach: { port: 9000 },
      region: "us-east-1",
      unreadable: "fail",
    });
  });

  it.each([
    ["a key of its own for restores", { restoreAccessKeyId: "r", restoreSecretKeySecret: "erp/r" }],
    ["TLS by the system's authorities", { tls: {} }],
    ["a bucket with dots", { buckets: ["a.b-c.3"] }],
    ["what cannot be read, told", { unreadable: "report" }],
  ])("takes %s", (_, more) => {
    expect(s3ConfigSchema.safeParse({ ...LEAST, ...more }).success).toBe(true);
  });

  it.each([
    ["a restore's key without its secret", { restoreAccessKeyId: "r" }, "restoreSecretKeySecret"],
    ["a restore's secret without its key", { restoreSecretKeySecret: "erp/r" }, "restoreSecretKeySecret"],
    ["no bucket", { buckets: [] }, "buckets"],
    ["a bucket twice", { buckets: ["photos", "photos"] }, "buckets"],
    ["a bucket that no S3 has", { buckets: ["Photos_1"] }, "buckets.0"],
    ["an authority that is no PEM", { tls: { ca: "ca.pem" } }, "tls.ca"],
    ["what cannot be read, ignored", { unreadable: "ignore" }, "unreadable"],
    ["a secret key in the clear", { secretKey: "hunter2" }, ""],
  ])("refuses %s", (_, more, path) => {
    const issues = s3ConfigSchema.safeParse({ ...LEAST, ...more }).error?.issues ?? [];
    expect(issues.map((issue) => issue.path.join("."))).toEqual([path]);
  });
});
