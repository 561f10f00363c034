import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LocalAws } from "../../../rehearsal/aws/local-aws.ts";
import { type RegionGate, startRegionGate } from "../../../rehearsal/aws/region-gate.ts";

/** Answers as S3 does, with what it was asked for in a header. */
const upstream = createServer((request, response) => {
  const { url = "" } = request;
  response.setHeader("x-asked", url);
  response.setHeader("x-amz-version-id", "copy-1");
  const listed = "<R><VersionId>copy-1</VersionId><VersionId>own-2</VersionId></R>";
  response.end(url.includes("versions") ? listed : "bytes");
});
let gate: RegionGate;

beforeAll(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const { port } = upstream.address() as AddressInfo;
  const aws = { endpoint: `http://127.0.0.1:${port}` } as LocalAws;
  gate = await startRegionGate({
    aws,
    lost: { region: "eu-central-1", buckets: ["vault"] },
    copy: {
      bucket: "replica",
      twins: {
        toCopy: new Map([["original-1", "copy-1"]]),
        toOriginal: new Map([["copy-1", "original-1"]]),
      },
    },
  });
});
afterAll(async () => {
  await gate.stop();
  upstream.close();
});

const ask = (path: string, region: string) =>
  fetch(`${gate.endpoint}${path}`, {
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=test/20261127/${region}/s3/aws4_request, SignedHeaders=host`,
    },
  });

describe("the gate of a world whose first Region is lost", () => {
  test.each([
    ["/anything", "eu-central-1"],
    ["/vault", "eu-west-1"],
    ["/vault/a/key?versionId=1", "eu-west-1"],
    ["/vault?versions", "eu-west-1"],
  ])("refuses %s, signed for %s, and notes it", async (path, region) => {
    const answer = await ask(path, region);
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain("ServiceUnavailable");
    expect(gate.refused).toContainEqual({ from: region, call: `GET ${path}` });
  });

  test.each(["/vault-of-another/key", "/replica/key"])(
    "lets %s through from the other Region",
    async (path) => {
      const answer = await ask(path, "eu-west-1");
      expect([answer.status, await answer.text(), answer.headers.get("x-asked")]).toEqual([
        200,
        "bytes",
        path,
      ]);
    },
  );

  test("shows copies under the version ids of their originals, and finds them by these", async () => {
    const answer = await ask("/replica/key?versionId=original-1", "eu-west-1");
    expect(answer.headers.get("x-asked")).toBe("/replica/key?versionId=copy-1");
    expect(answer.headers.get("x-amz-version-id")).toBe("original-1");
    const listed = await (await ask("/replica?prefix=key&versions", "eu-west-1")).text();
    expect(listed).toBe("<R><VersionId>original-1</VersionId><VersionId>own-2</VersionId></R>");
  });

  test("leaves version ids of other buckets as they are", async () => {
    const answer = await ask("/other/key?versionId=original-1", "eu-west-1");
    expect(answer.headers.get("x-asked")).toBe("/other/key?versionId=original-1");
    expect(answer.headers.get("x-amz-version-id")).toBe("copy-1");
  });
});
