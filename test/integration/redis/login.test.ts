import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redis } from "../../../lambda/engine/sources/redis.ts";
import { findFreePort } from "../../../rehearsal/servers/port.ts";
import { makeCertificates } from "../../support/certificates.ts";
import { connectClient, openRedis, startTestRedis, type TestRedis } from "../../support/redis.ts";
import { fillRedis } from "../../support/redis-data.ts";
import { compareRestored, restoreDump, takeRdb } from "../../support/redis-dumps.ts";
import { judgeRedis } from "../../support/redis-oracle.ts";

/** As docs/host.md grants them. */
const READER = ["+ping", "+info", "+replconf", "+psync"];
const RESTORER = [
  ...["~*", "+ping", "+info", "+replconf", "+psync", "+select", "+restore", "+flushall"],
  ...["+function|load", "+function|flush", "+config|get"],
];
const SECRETS = { "redis-reader": "reads-only", "redis-restorer": "writes-too" };

let source: TestRedis;
let target: TestRedis;
beforeAll(async () => {
  [source, target] = await Promise.all([startTestRedis(), startTestRedis()]);
  await fillRedis(source.client);
});
afterAll(async () => {
  await Promise.all([source, target].map((server) => server?.[Symbol.asyncDispose]()));
});

describe("users of the access-control list", () => {
  const configOf = ({ server }: TestRedis) =>
    redis.config.parse({
      reach: { via: "direct", host: "127.0.0.1", port: server.port },
      ...{ user: "reader", passwordSecret: "redis-reader" },
      ...{ restoreUser: "restorer", restorePasswordSecret: "redis-restorer" },
    });
  const grant = ({ client }: TestRedis, user: string, password: string, rights: readonly string[]) =>
    client.call("ACL", "SETUSER", user, "reset", "on", `>${password}`, ...rights);

  it("with no more rights than the page of the host grants dump, restore over what is there, and compare", async () => {
    await grant(source, "reader", SECRETS["redis-reader"], READER);
    await grant(target, "restorer", SECRETS["redis-restorer"], RESTORER);
    await target.client.set("over", "written");
    await using reading = await openRedis(configOf(source), { secrets: SECRETS, purpose: "read" });
    const taken = await takeRdb(reading);
    await using writing = await openRedis(configOf(target), { secrets: SECRETS });
    await restoreDump(writing, taken, "replace");
    expect(await compareRestored(writing, taken)).toEqual([]);
    expect(await judgeRedis(target.client)).toEqual(await judgeRedis(source.client));
  });

  it.each(["+psync", "+replconf"])("without %s are told which command was refused", async (right) => {
    await grant(
      source,
      "reader",
      SECRETS["redis-reader"],
      READER.filter((one) => one !== right),
    );
    await using session = await openRedis(configOf(source), { secrets: SECRETS, purpose: "read" });
    await expect(takeRdb(session)).rejects.toMatchObject({
      ...{ name: "SourceError", code: "AUTH_FAILED" },
      message: expect.stringContaining(right.slice(1).toUpperCase()),
    });
  });

  it("with a wrong password are refused, and it stands in no message", async () => {
    await grant(source, "reader", SECRETS["redis-reader"], READER);
    const opening = openRedis(configOf(source), {
      ...{ secrets: { ...SECRETS, "redis-reader": "mistyped" }, purpose: "read" },
    });
    await expect(opening).rejects.toMatchObject({
      code: "AUTH_FAILED",
      message: expect.not.stringContaining("mistyped"),
    });
  });
});

describe("TLS with a private authority", () => {
  const certificates = makeCertificates();
  let folder: string;
  let guarded: TestRedis;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "backup-estate-redis-tls-"));
    for (const name of ["ca", "server"] as const) await writeFile(join(folder, name), certificates[name]);
    const port = await findFreePort();
    const at = (name: string) => join(folder, name);
    guarded = await startTestRedis({
      extraArguments: [
        ...["--tls-port", String(port), "--tls-ca-cert-file", at("ca")],
        ...["--tls-cert-file", at("server"), "--tls-key-file", at("server")],
      ],
    });
    tlsPort = port;
    await fillRedis(guarded.client);
  });
  afterAll(async () => {
    await guarded?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
  let tlsPort = 0;

  const open = (tls: object, secrets: Readonly<Record<string, string>> = {}) =>
    openRedis(redis.config.parse({ reach: { via: "direct", host: "127.0.0.1", port: tlsPort }, tls }), {
      secrets,
    });
  const own = { certificate: certificates.client, keySecret: "redis-key" };
  const secrets = { "redis-key": certificates.client };

  it("is dumped where the authority is named and the certificate is one that it signed", async () => {
    await using session = await open({ ca: certificates.ca, ...own }, secrets);
    const { summary } = await takeRdb(session);
    await using plain = await openRedis(guarded.config);
    expect(summary.fingerprint).toEqual((await takeRdb(plain)).summary.fingerprint);
  });

  it.each([
    ["an authority that nobody named", own, certificates.client],
    [
      "a name that is not the server's",
      { ca: certificates.ca, serverName: "other.example.com", ...own },
      certificates.client,
    ],
    [
      "a certificate of a stranger",
      { ca: certificates.ca, certificate: certificates.stranger, keySecret: "redis-key" },
      certificates.stranger,
    ],
  ])("is refused with %s", async (_, tls, key) => {
    await expect(open(tls, { "redis-key": key })).rejects.toMatchObject({
      ...{ name: "SourceError", code: "AUTH_FAILED" },
    });
  });

  it("is refused where the server shows no TLS at all", async () => {
    const { port } = guarded.server;
    const config = redis.config.parse({ reach: { via: "direct", host: "127.0.0.1", port }, tls: {} });
    await expect(openRedis(config)).rejects.toMatchObject({ name: "SourceError" });
    const client = connectClient(port);
    expect(await client.ping()).toBe("PONG");
    client.disconnect();
  });
});
