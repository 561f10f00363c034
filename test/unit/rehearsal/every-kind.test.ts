import { expect, it } from "vitest";
import { sources } from "../../../lambda/engine/sources/registry.ts";
import { NOT_REHEARSED } from "../../../rehearsal/scenario/not-rehearsed.ts";
import type { Company } from "../../../rehearsal/world/company.ts";
import { sourcesOf } from "../../../rehearsal/world/estate-file.ts";

it("every registered kind of source is rehearsed, or is left out with its reason", () => {
  const server = { host: "127.0.0.1", port: 1 };
  const user = { name: "estate", password: "x" };
  const databaseUsers = { dump: user, restore: user, replay: user };
  const company = {
    mongod: server,
    databaseUsers,
    redis: server,
    redisPassword: "x",
    uploadsFolder: "/srv",
    settingsFolder: "/etc",
    repositoryPath: "/srv/erp.git",
    objects: { port: 1 },
    accounting: { port: 1, token: "x" },
    front: { domain: "erp.example.test", port: 1, chainPath: "/c", keyPath: "/k", reloadCommand: "true" },
  };
  const rehearsed = Object.entries(sourcesOf(company as unknown as Company)).map(([name, source]) =>
    "kind" in source ? source.kind : name,
  );
  // Buckets are both where another server takes the place of MinIO.
  const told = new Set([...rehearsed, ...Object.keys(NOT_REHEARSED)]);
  expect([...told].sort()).toEqual(Object.keys(sources).sort());
});
