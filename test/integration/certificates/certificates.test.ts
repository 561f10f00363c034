import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { lstat, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { FileSystem } from "../../../lambda/engine/host/file-system.ts";
import { openHost } from "../../../lambda/engine/host/open-host.ts";
import { certificates } from "../../../lambda/engine/sources/certificates.ts";
import { findFreePort } from "../../../rehearsal/servers/port.ts";
import { type Certificates, makeCertificates } from "../../support/certificates.ts";
import { makeContext, manifestFor, readItems, toRestoreItems } from "../../support/mongodb.ts";
import { type Sshd, startSshd } from "../../support/sshd.ts";
import { withMethods, withoutOwners } from "../../support/wrapped-files.ts";

const NEVER = new AbortController().signal;
const BLOCK = /-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----\n/g;
let sshd: Sshd;
let made: Certificates;
let folder: string;

beforeAll(async () => {
  sshd = await startSshd();
  made = makeCertificates();
});
afterAll(() => sshd[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "backup-estate-certificates-"));
  return () => rm(folder, { recursive: true, force: true });
});

const at = (...path: string[]) => join(folder, ...path);
const blocksOf = (pems: string) => pems.match(BLOCK) ?? [];
const PATHS = () => ({ chain: at("erp.crt"), key: at("erp.key") });

async function put(pems: string, chain = "", key = blocksOf(pems)[1] ?? ""): Promise<void> {
  await writeFile(at("erp.crt"), `${blocksOf(pems)[0]}${chain}`);
  await writeFile(at("erp.key"), key, { mode: 0o600 });
}

async function open(config: object = {}, wrap: (files: FileSystem) => FileSystem = (files) => files) {
  const connected = await openHost(sshd.host, sshd.privateKey, NEVER);
  const host = withMethods(connected, {
    files: async () => wrap((await connected.files?.()) as FileSystem),
  });
  const parsed = certificates.config.parse({ domains: { localhost: PATHS() }, ...config });
  const session = await certificates.open(parsed, { ...makeContext(NEVER), host }, "write");
  return {
    session,
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
      await connected[Symbol.asyncDispose]();
    },
  };
}

async function take(config?: object) {
  await using opened = await open(config);
  const dump = opened.session.dump({ proof: "as-read" });
  return { items: await readItems(dump, 1), summary: await dump.summary() };
}

async function restore(taken: Awaited<ReturnType<typeof take>>, config?: object) {
  await using opened = await open(config);
  const manifest = { ...manifestFor(taken.summary), kind: "certificates" };
  return await opened.session.restore({ items: toRestoreItems(taken.items), manifest, guard: "replace" });
}

/** A real TLS server that shows this certificate. */
async function serve(pems: string) {
  const server = createServer({ cert: pems, key: pems });
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    served: { localhost: { address: `127.0.0.1:${port}`, through: "ssh" } },
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}

/** A certificate for localhost of its own that ends so soon. */
function makeShort(days: number): string {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const place = ["-keyout", at("short.key"), "-out", at("short.crt")];
  execFileSync(
    "openssl",
    ["req", "-x509", ...key, "-days", String(days), "-subj", "/CN=localhost", ...place],
    {
      stdio: "ignore",
    },
  );
  return execFileSync("cat", [at("short.crt"), at("short.key")], { encoding: "utf8" });
}

describe("a pair that would serve nobody is no backup", () => {
  it.each([
    ["the key of another certificate", () => put(made.server, made.ca, blocksOf(made.client)[1])],
    ["a chain in which one was not issued by the next", () => put(made.stranger, made.ca)],
    ["a key that is none", () => put(made.server, made.ca, "secret words\n")],
    ["a chain without a certificate", () => writeFile(at("erp.crt"), "nothing\n")],
  ])("%s", async (_, spoil) => {
    await put(made.server, made.ca);
    await spoil();
    const refused = expect(take()).rejects;
    await refused.toMatchObject({ name: "SourceError", code: "UNSUPPORTED" });
  });

  it("a key with a passphrase is refused, and its words are in no message", async () => {
    await put(made.server, made.ca);
    const locked = [
      "pkey",
      "-in",
      at("erp.key"),
      "-aes256",
      "-passout",
      "pass:geheim",
      "-out",
      at("locked.key"),
    ];
    execFileSync("openssl", locked, { stdio: "ignore" });
    const text = await readFile(at("locked.key"), "utf8");
    await writeFile(at("erp.key"), text);
    const error = await take().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "UNSUPPORTED", message: expect.stringContaining("passphrase") });
    expect(JSON.stringify({ ...(error as Error), message: (error as Error).message })).not.toContain(
      text.split("\n")[1],
    );
  });

  it("a file that is missing is a failure, and so is an ACME folder", async () => {
    await put(made.server, made.ca);
    await rm(at("erp.key"));
    await expect(take()).rejects.toMatchObject({ name: "SourceError", code: "MISSING" });
    await expect(take({ domains: {}, acmeFolder: at("nowhere") })).rejects.toMatchObject({ code: "MISSING" });
  });
});

it("before a recovery, pairs that serve are set aside, and the one that it brings back is left out and noted", async () => {
  await put(made.server, made.ca);
  const spare = { chain: at("spare.crt"), key: at("spare.key") };
  await writeFile(spare.chain, blocksOf(made.client)[0] ?? "");
  await using opened = await open({ domains: { localhost: PATHS(), spare } });
  const dump = opened.session.dump({ proof: "as-read", purpose: "safety" });
  const items = await readItems(dump, 1);
  const { fingerprint, notes } = await dump.summary();
  expect(Object.keys(fingerprint)).toEqual(["localhost"]);
  expect([...items.keys()].filter((name) => name.includes("spare"))).toEqual([]);
  expect(notes).toEqual([expect.stringMatching(/^spare was not set aside: .*spare\.key/)]);
});

describe("what is served is looked at beside the disk", () => {
  it("the same certificate is nothing to note, and the disk's end is the end", async () => {
    await put(made.server, made.ca);
    await using server = await serve(made.server);
    const { summary } = await take({ served: server.served });
    expect(summary.notes).toBeUndefined();
    const days = (Date.parse(summary.versions.notAfter ?? "") - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(1.9);
    expect(days).toBeLessThan(2.1);
  });

  it("one that was renewed and never loaded is noted, and ends when the old one does", async () => {
    await put(makeShort(90));
    await using server = await serve(makeShort(5));
    const { summary } = await take({ served: server.served });
    expect(summary.notes).toEqual([expect.stringMatching(/renewed and not loaded: reload the server/)]);
    expect(Date.parse(summary.versions.notAfter ?? "") - Date.now()).toBeLessThan(5.1 * 86_400_000);
    expect(certificates.validUntil?.({ versions: summary.versions })?.toISOString()).toBe(
      summary.versions.notAfter,
    );
  });

  it("a server that is down is noted, and costs no backup", async () => {
    await put(made.server, made.ca);
    const address = `127.0.0.1:${await findFreePort()}`;
    const { summary } = await take({ served: { localhost: { address, through: "direct" } } });
    expect(summary.notes).toEqual([expect.stringContaining("is not known")]);
  });
});

describe("a recovery", () => {
  it("makes the folders that a new host lacks, and loads what it put there by the host's own command", async () => {
    await put(made.server, made.ca);
    const taken = await take();
    const place = { chain: at("new", "host", "erp.crt"), key: at("new", "host", "erp.key") };
    await restore(taken, { domains: { localhost: place }, reload: `touch ${at("reloaded")}` });
    expect(await readFile(place.key)).toEqual(await readFile(at("erp.key")));
    expect((await lstat(place.key)).mode & 0o777).toBe(0o600);
    expect((await lstat(at("reloaded"))).isFile()).toBe(true);
  });

  it.each([
    ["notes that owners were not set, for a login that may not give files away", true],
    ["notes nothing where all is as it was", false],
  ])("%s", async (_, refused) => {
    await put(made.server, made.ca);
    const taken = await take();
    await using opened = await open({}, refused ? withoutOwners : undefined);
    const manifest = { ...manifestFor(taken.summary), kind: "certificates" };
    const items = toRestoreItems(taken.items);
    const { notes } = await opened.session.restore({ items, manifest, guard: "replace" });
    expect(notes).toEqual(refused ? [expect.stringContaining("Owners were not set")] : []);
  });

  it("says so when the command fails, with the certificates in their places", async () => {
    await put(made.server, made.ca);
    const taken = await take();
    await expect(restore(taken, { reload: "exit 7" })).rejects.toMatchObject({
      ...{ code: "COMMAND_FAILED", message: expect.stringMatching(/in their places.*ended with 7/) },
    });
  });

  it("replaces what a link means, and leaves the ACME client its link", async () => {
    await mkdir(at("live/localhost"), { recursive: true });
    await mkdir(at("archive/localhost"), { recursive: true });
    const write = async (pems: string) => {
      for (const [name, block] of [
        ["fullchain", blocksOf(pems)[0]],
        ["privkey", blocksOf(pems)[1]],
      ] as const)
        await writeFile(at(`archive/localhost/${name}1.pem`), block ?? "");
    };
    for (const name of ["fullchain", "privkey"])
      await symlink(`../../archive/localhost/${name}1.pem`, at(`live/localhost/${name}.pem`));
    await write(made.server);
    const config = { domains: {}, acmeFolder: folder };
    const taken = await take(config);
    await write(made.client);
    await restore(taken, config);
    expect((await lstat(at("live/localhost/privkey.pem"))).isSymbolicLink()).toBe(true);
    expect(await readFile(at("archive/localhost/privkey1.pem"), "utf8")).toBe(blocksOf(made.server)[1]);
  });

  it("refuses a domain that the estate no longer names, before anything is changed", async () => {
    await put(made.server, made.ca);
    const taken = await take();
    await put(made.client, made.ca);
    const before = await readFile(at("erp.key"));
    const other = { chain: at("other.crt"), key: at("other.key") };
    await expect(restore(taken, { domains: { other } })).rejects.toMatchObject({
      ...{ name: "RefusedError", code: "INPUT_INVALID" },
    });
    expect(await readFile(at("erp.key"))).toEqual(before);
  });
});
