import { exec } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askShown, type Front, startFront } from "../../../rehearsal/world/front.ts";

const run = promisify(exec);
let folder: string;
let front: Front;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "backup-estate-front-"));
  front = await startFront(join(folder, "front"), join(folder, "certificates"));
});
afterAll(async () => {
  await front.kill();
  await rm(folder, { recursive: true });
});

/** SHA-256 of the first certificate of the chain, as openssl writes it. */
async function fingerprintOfDisk(): Promise<string> {
  const { stdout } = await run(`openssl x509 -in '${front.chainPath}' -noout -fingerprint -sha256`);
  return stdout.trim().split("=")[1] ?? "";
}

describe("the TLS server of the rehearsal's host", () => {
  it("shows the chain of the disk, which openssl finds valid by its own root", async () => {
    expect(await askShown(front)).toBe(await fingerprintOfDisk());
    const root = join(folder, "front", "root.pem");
    const { stdout } = await run(`openssl verify -CAfile '${root}' '${front.chainPath}'`);
    expect(stdout).toContain("OK");
  });

  it("goes on showing the old one after a renewal, until it is told to load it", async () => {
    const old = await askShown(front);
    const other = await startFront(join(folder, "other"), join(folder, "renewed"));
    await other.kill();
    await cp(other.certificatesFolder, front.certificatesFolder, { recursive: true });
    expect(await askShown(front)).toBe(old);
    await run(front.reloadCommand);
    expect(await askShown(front)).toBe(await fingerprintOfDisk());
    expect(await askShown(front)).not.toBe(old);
  });

  it("shows nothing when it was killed, and is started again by the same command", async () => {
    const before = await askShown(front);
    await front.kill();
    await front.kill();
    expect(await askShown(front)).toBeUndefined();
    await run(front.reloadCommand);
    expect(await askShown(front)).toBe(before);
  });

  it("has its command fail where there is no key that fits", async () => {
    await front.kill();
    await writeFile(front.keyPath, "no key");
    await expect(run(front.reloadCommand)).rejects.toMatchObject({ code: 1 });
    expect(await askShown(front)).toBeUndefined();
  });
});
