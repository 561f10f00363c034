import { expect, test } from "vitest";
import { copyToHost } from "../../../lambda/engine/jobs/local-tier/copy-to-host.ts";
import { listLocalCopies } from "../../../lambda/engine/jobs/local-tier/list-local-copies.ts";
import { sourceOf } from "../../../lambda/engine/jobs/world.ts";
import { sources } from "../../../lambda/engine/sources/registry.ts";
import { makeJobWorld, NEVER } from "../../support/job-world.ts";

const localTier = { path: "/backup", keep: 7, schedule: { at: "02:00" } } as const;
const source = (kind: string) => ({ kind, compute: "fargate", config: {} }) as const;
const estate = {
  sources: { shop: source("mongodb"), exports: source("http-export"), cache: source("redis") },
};
const list = { job: "list-local-copies" } as const;

test("copies are made of the sources that have a file of their own tools, by their names in the estate", async () => {
  const { services } = makeJobWorld({ sourceOf, estate: { ...estate, localTier } });
  expect(await listLocalCopies(list, services)).toEqual({ sources: ["shop", "cache"] });
});

test("an estate that asked for no copies is told how to ask", async () => {
  const { services } = makeJobWorld({ sourceOf, estate });
  await expect(listLocalCopies(list, services)).rejects.toMatchObject({
    name: "ConfigError",
    message: expect.stringContaining("Add localTier: {}"),
  });
});

test.each([
  ["exports", /kind http-export, which has no file/],
  ["nothing", /has no source nothing/],
])("a copy of %s is refused before the host is called", async (name, message) => {
  const openHost = () => Promise.reject(new Error("the host was called"));
  const { services } = makeJobWorld({ sourceOf, openHost, estate: { ...estate, localTier } });
  const copying = copyToHost({ job: "copy-to-host", source: name }, services, NEVER);
  await expect(copying).rejects.toMatchObject({
    name: "RefusedError",
    message: expect.stringMatching(message),
  });
});

test.each(Object.values(sources))("$kind says how its one file lies on a host, if it has one", (one) => {
  expect(one.externalFile !== undefined).toBe(one.writeExternal !== undefined);
  for (const line of one.externalFile?.byHand ?? []) expect(line).not.toMatch(/password[= ]\S/i);
});
