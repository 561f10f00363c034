import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openHost } from "../../../lambda/engine/host/open-host.ts";
import { mongodb } from "../../../lambda/engine/sources/mongodb.ts";
import { type Certificates, makeCertificates } from "../../support/certificates.ts";
import { makeContext, startServer, type TestServer, takeDump } from "../../support/mongodb.ts";
import { type Sshd, startSshd } from "../../support/sshd.ts";
import { startTlsFront, type TlsFront } from "../../support/tls-front.ts";

const USER = { name: "root", password: "not-a-secret", roles: ["root"] };
const LOGIN = { user: USER.name, passwordSecret: "password" };
const never = new AbortController().signal;
let certificates: Certificates;
let server: TestServer;
let front: TlsFront;
let sshd: Sshd;

beforeAll(async () => {
  certificates = makeCertificates();
  [server, sshd] = await Promise.all([
    startServer({ replicaSet: "rs0", auth: { users: [USER] } }),
    startSshd(),
  ]);
  front = await startTlsFront(certificates, server.mongod.port);
});
afterAll(async () => {
  await front[Symbol.asyncDispose]();
  await Promise.all([server[Symbol.asyncDispose](), sshd[Symbol.asyncDispose]()]);
});

async function open(own: object, via: "direct" | "ssh" = "direct", certificate = certificates.client) {
  const config = mongodb.config.parse({ reach: { via, host: "127.0.0.1", port: front.port }, ...own });
  const context = makeContext(never, { password: USER.password, certificate });
  if (via === "direct") return mongodb.open(config, context, "read");
  const host = await openHost(sshd.host, sshd.privateKey, never);
  return mongodb.open(config, { ...context, host }, "read");
}

const failure = (opening: Promise<unknown>) =>
  opening.then(
    () => "opened",
    ({ name, code, message }) => `${name} ${code} ${message}`,
  );

describe("TLS with a private authority, before a server that demands a client certificate", () => {
  it.each(["direct", "ssh"] as const)("carries a login by password and a dump, %s", async (via) => {
    const tls = { ca: certificates.ca, serverName: "localhost" };
    await using session = await open({ ...LOGIN, tls, certificateSecret: "certificate" }, via);
    const { summary } = await takeDump(session);
    expect(summary.fingerprint["admin.system.users"]?.count).toBe(1);
    expect(new Set(front.clients)).toEqual(new Set(["backup"]));
  });

  it("is refused without a client certificate, and with one of another authority", async () => {
    const { ca } = certificates;
    expect(await failure(open({ ...LOGIN, tls: { ca } }))).toMatch(/^SourceError UNREACHABLE .*certificate/i);
    const stranger = open(
      { ...LOGIN, tls: { ca }, certificateSecret: "certificate" },
      "direct",
      certificates.stranger,
    );
    expect(await failure(stranger)).toMatch(/^SourceError UNREACHABLE/);
  });

  it("is refused to a server whose authority is not trusted, or whose name is another", async () => {
    const certificateSecret = "certificate";
    expect(await failure(open({ ...LOGIN, tls: {}, certificateSecret }))).toMatch(
      /^SourceError UNREACHABLE .*certificate.*tls\.ca/is,
    );
    const tls = { ca: certificates.ca, serverName: "elsewhere.example.com" };
    expect(await failure(open({ ...LOGIN, tls, certificateSecret }))).toMatch(
      /^SourceError UNREACHABLE .*tls\.serverName/s,
    );
  });

  it("tells of PEM that cannot be read, and shows nothing of it", async () => {
    const tls = { ca: certificates.ca };
    const secret = "-----BEGIN PRIVATE KEY-----\nnot-a-key\n-----END PRIVATE KEY-----\n";
    const told = await failure(open({ ...LOGIN, tls, certificateSecret: "certificate" }, "direct", secret));
    expect(told).toMatch(/^SourceError AUTH_FAILED .*PEM/);
    expect(told).not.toContain("not-a-key");
  });

  it("asks for a login by the certificate where no user is named", async () => {
    const tls = { ca: certificates.ca };
    expect(front.heard().includes("MONGODB-X509")).toBe(false);
    // The server behind sees no certificate and refuses; what the driver asked for is what counts here.
    expect(await failure(open({ tls, certificateSecret: "certificate" }))).toMatch(
      /^SourceError AUTH_FAILED/,
    );
    const asked = front.heard();
    expect(asked.includes("MONGODB-X509")).toBe(true);
    expect(asked.includes("$external")).toBe(true);
  });
});
