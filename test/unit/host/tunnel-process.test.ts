import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openTunnelProcess } from "../../../lambda/engine/host/tunnel-process.ts";
import { makeEstate } from "../../support/estate.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "backup-estate-tunnel-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("a process that says what nobody knows ends the tunnel by name, and this process goes on", async () => {
  const file = join(folder, "strange.mjs");
  writeFileSync(
    file,
    'process.once("message", () => process.send({ kind: "a word of a newer version" }));\n',
  );
  const order = { host: makeEstate().host, privateKey: "none", target: { host: "127.0.0.1", port: 1 } };
  const program = { file, environment: { PATH: process.env.PATH ?? "" } };
  await expect(openTunnelProcess(order, program, AbortSignal.timeout(20_000))).rejects.toMatchObject({
    name: "SourceError",
    code: "CONNECTION_LOST",
    cause: { message: expect.stringContaining("said what nobody knows") },
  });
});
