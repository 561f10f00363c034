import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { openObject } from "../../../lambda/engine/s3-objects/read-object.ts";
import { Store } from "../../../lambda/engine/s3-objects/store.ts";

const NEVER = new AbortController().signal;
const DENIED = `<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>no</Message></Error>`;
const NO_TAGS = `<?xml version="1.0"?><Tagging><TagSet></TagSet></Tagging>`;
let server: Server | undefined;
afterEach(() => server?.close());

/** As S3 answers: how many tags an object has is left out where it has none, and where the key may not read them. */
async function startServer(mayReadTags: boolean) {
  const asked: string[] = [];
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const isTags = request.url?.includes("tagging") ?? false;
    response.statusCode = isTags && !mayReadTags ? 403 : 200;
    response.end(isTags ? (mayReadTags ? NO_TAGS : DENIED) : "content");
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const credentials = { accessKeyId: "a", secretAccessKey: "b" };
  return { asked, store: new Store({ host: "127.0.0.1", port, region: "us-east-1", credentials }, NEVER) };
}

const listed = (key: string) => ({ bucket: "photos", key, versionId: "1" }) as never;

it("an object whose tags the key may not read is no object without tags", async () => {
  const { store } = await startServer(false);
  await expect(openObject(store, listed("a"))).rejects.toMatchObject({
    name: "SourceError",
    code: "FORBIDDEN",
  });
});

it("tags are asked for once in a bucket where objects say that they have none", async () => {
  const { store, asked } = await startServer(true);
  for (const key of ["a", "b", "c"])
    expect(await openObject(store, listed(key))).toHaveProperty("facts.tags", []);
  expect(asked.filter((url) => url.includes("tagging"))).toHaveLength(1);
});
