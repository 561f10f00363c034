import { afterEach, beforeEach, expect, it } from "vitest";
import { check } from "../../../lambda/engine/jobs/check.ts";
import { drill } from "../../../lambda/engine/jobs/drill.ts";
import { dump } from "../../../lambda/engine/jobs/dump.ts";
import { sourceOf } from "../../../lambda/engine/jobs/world.ts";
import { claimedWorld, readDrill } from "../../support/backup-run.ts";
import { NEVER } from "../../support/job-world.ts";
import { callerOf, judgeQdrant, QDRANT_KEY } from "../../support/qdrant.ts";
import { fillProducts } from "../../support/qdrant-session.ts";
import { type QdrantStandin, startQdrantStandin } from "../../support/qdrant-standin.ts";

let source: QdrantStandin;
/** As a drill's own server is: empty, and without a key. */
let isolated: QdrantStandin;

beforeEach(async () => {
  source = await startQdrantStandin({ apiKey: QDRANT_KEY });
  isolated = await startQdrantStandin();
  await fillProducts(callerOf(source.port).call);
});
afterEach(async () => {
  await source[Symbol.asyncDispose]();
  await isolated[Symbol.asyncDispose]();
});

async function backUp() {
  const config = { reach: { via: "direct", host: "127.0.0.1", port: source.port }, apiKeySecret: "api-key" };
  const parsed = sourceOf("qdrant").config.parse(config) as never;
  const { world, dumpRequest } = await claimedWorld({
    sourceOf,
    estate: { sources: { ledger: { kind: "qdrant", compute: "fargate", config: parsed } } },
  });
  const drillAddress = { host: "127.0.0.1", port: isolated.port };
  const services = { ...world.services, secret: async () => QDRANT_KEY, drillAddress };
  return { world, services, dumped: await dump(dumpRequest, services, NEVER) };
}

it("a server goes from a claim through check and drill, which restores all of it in isolation", async () => {
  const { world, services, dumped } = await backUp();
  const { backup, major } = dumped;
  expect(major).toBe("v1.12");
  expect(await check({ job: "check", backup, drillDue: true }, services, NEVER)).toMatchObject({
    outcome: "intact",
  });
  expect(await drill({ job: "drill", backup }, services, NEVER)).toMatchObject({ outcome: "identical" });
  const [there, here] = [isolated, source].map(({ port }) =>
    judgeQdrant({ ...callerOf(port), [Symbol.asyncDispose]: async () => {} }),
  );
  expect(await there).toEqual(await here);
  expect(JSON.stringify([world.lines, await readDrill(world)])).not.toContain(QDRANT_KEY);
});

it("a drill tells a point that its server changed", async () => {
  const { world, services, dumped } = await backUp();
  isolated.intercept = async (request) => {
    const isLast = request.method === "POST" && request.url === "/collections/aliases";
    const point = { id: 2, vector: [2, 0.25], payload: { colour: "green" } };
    if (isLast)
      await callerOf(isolated.port).call("PUT", "/collections/products/points", { points: [point] });
    return false;
  };
  await expect(drill({ job: "drill", backup: dumped.backup }, services, NEVER)).rejects.toMatchObject({
    name: "IntegrityError",
    code: "FINGERPRINT_DIFFERS",
  });
  expect(await readDrill(world)).toMatchObject({ outcome: "different" });
});
