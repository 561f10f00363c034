import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bundleWorkers } from "../../lib/bundle.ts";
import { makeEstate } from "../support/estate.ts";

const ENTRY = `
  import { createRequire } from "node:module";
  const os = require("node:os");
  console.log(JSON.stringify({ estate: JSON.parse(process.env.ESTATE_CONFIG).name, cores: typeof os.cpus, own: typeof createRequire }));
  export const writer = () => undefined;
`;

function makeProject(): string {
  const folder = mkdtempSync(join(tmpdir(), "project-"));
  mkdirSync(join(folder, "lambda/handlers"), { recursive: true });
  writeFileSync(join(folder, "lambda/handlers/index.ts"), ENTRY);
  writeFileSync(join(folder, "lambda/worker.ts"), ENTRY);
  return folder;
}

test("a bundle runs alone, carries the estate, and has a require for dependencies that ask for one", () => {
  const project = makeProject();
  const { workerFile, handlersFolder } = bundleWorkers(makeEstate(), project, join(project, "out"));
  const run = (file: string) =>
    JSON.parse(execFileSync(process.execPath, [file], { cwd: tmpdir(), env: {}, encoding: "utf8" }));
  const expected = { estate: "demo", cores: "function", own: "function" };
  expect(run(workerFile)).toEqual(expected);
  expect(run(join(handlersFolder, "index.mjs"))).toEqual(expected);
});

test("the same estate gives the same bytes, wherever they are put; another estate gives others", () => {
  const project = makeProject();
  const bytes = (name: string, folder: string) =>
    readFileSync(bundleWorkers(makeEstate({ name }), project, join(project, folder)).workerFile, "utf8");
  expect(bytes("demo", "one")).toBe(bytes("demo", "two"));
  expect(bytes("other", "three")).not.toBe(bytes("demo", "one"));
});

test("the bundles hold what the driver asks for only when it goes through a SOCKS5 server", () => {
  const out = mkdtempSync(join(tmpdir(), "bundle-"));
  const { workerFile, handlersFolder } = bundleWorkers(makeEstate(), process.cwd(), out);
  for (const file of [workerFile, join(handlersFolder, "index.mjs")])
    expect(readFileSync(file, "utf8")).toMatch(/node_modules\/socks\/build\/index\.js/);
});
