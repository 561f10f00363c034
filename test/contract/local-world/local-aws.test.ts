import { CreateBucketCommand, ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { startTestAws } from "../../support/local-aws.ts";

test("the local AWS answers for several Regions, starts empty and is gone when it stops", async () => {
  const aws = await startTestAws();
  const s3 = new S3Client(aws.client);
  expect((await s3.send(new ListBucketsCommand({}))).Buckets ?? []).toEqual([]);
  const elsewhere = new S3Client({ ...aws.client, region: "eu-west-1" });
  await elsewhere.send(
    new CreateBucketCommand({
      Bucket: "some-bucket",
      CreateBucketConfiguration: { LocationConstraint: "eu-west-1" },
    }),
  );
  expect((await s3.send(new ListBucketsCommand({}))).Buckets?.map((bucket) => bucket.Name)).toEqual([
    "some-bucket",
  ]);

  await aws.stop();
  await expect(fetch(aws.endpoint)).rejects.toThrow("fetch failed");
});
