import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { runCommandLine } from "../../../cli/main.ts";

const EXAMPLE = join(import.meta.dirname, "../../../examples/complete.estate.yaml");
const never = () => Promise.reject(new Error("a page for when AWS is away asks nobody"));

async function show(text: string) {
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-page-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "estate.yaml");
  await writeFile(path, text);
  const printed: string[] = [];
  const told: string[] = [];
  const exitCode = await runCommandLine(["host-procedure", path], {
    now: () => new Date("2026-11-27T12:00:00Z"),
    signal: new AbortController().signal,
    env: {},
    taskRenderer: "silent",
    print: (line) => printed.push(line),
    tell: (line) => told.push(line),
    openVault: never,
    openS3: never,
    openStepFunctions: never,
  });
  return { exitCode, page: printed.join("\n"), told: told.join("\n") };
}

test("the page for the host names its own folders and commands, each copied source, and what is not there", async () => {
  const { exitCode, page } = await show(await readFile(EXAMPLE, "utf8"));
  expect(exitCode).toBe(0);
  expect(page.match(/^## .*$/gm)).toEqual([
    "## 1. Stop the app",
    "## 2. mongodb",
    "## 3. uploads",
    "## 4. redis",
    "## 5. Start the app",
  ]);
  expect(page).toContain("docker compose --file /srv/erp/compose.yaml stop app nginx n8n");
  expect(page).toContain("/backup/mongodb/*.archive.gz.sha256");
  expect(page).toMatch(/Not on the host, only in the vault: code, vectors, objects, tls/);
});

test("no password stands in a command of the page", async () => {
  const { page } = await show(await readFile(EXAMPLE, "utf8"));
  expect(page).not.toMatch(/--password[= ]|-p |-a |mongodb:\/\/[^ ]*:[^ ]*@/);
});

test("an estate without copies on its host has no such page", async () => {
  const text = (await readFile(EXAMPLE, "utf8")).replace(/^localTier:.*$/m, "");
  expect(await show(text)).toMatchObject({
    exitCode: 2,
    page: "",
    told: expect.stringMatching(/localTier: \{\}/),
  });
});
