import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { qdrant } from "../../../lambda/engine/sources/qdrant.ts";
import { type Certificates, makeCertificates } from "../../support/certificates.ts";
import { QDRANT_KEY } from "../../support/qdrant.ts";
import { openQdrant } from "../../support/qdrant-session.ts";
import { type QdrantStandin, startQdrantStandin } from "../../support/qdrant-standin.ts";
import { startTlsFront, type TlsFront } from "../../support/tls-front.ts";

describe("a server behind TLS", () => {
  let node: QdrantStandin;
  let front: TlsFront;
  let certificates: Certificates;
  beforeAll(async () => {
    certificates = makeCertificates();
    node = await startQdrantStandin({ apiKey: QDRANT_KEY });
    front = await startTlsFront(certificates, node.port, "anybody");
  });
  afterAll(async () => {
    await front?.[Symbol.asyncDispose]();
    await node?.[Symbol.asyncDispose]();
  });

  it("is reached where its authority is named, and the key goes through TLS only", async () => {
    await using session = await openQdrant(front, { tls: { ca: certificates.ca, serverName: "localhost" } });
    expect((await session.probe()).versions).toEqual({ server: "1.12.4", major: "v1.12" });
    expect(front.heard().toString()).toContain(QDRANT_KEY);
  });

  it.each([
    ["an authority that nobody knows", () => ({ serverName: "localhost" })],
    ["another name on its certificate", () => ({ ca: certificates.ca, serverName: "other.example" })],
  ])("is refused with %s, before the key is sent", async (_, tls) => {
    const before = front.heard().length;
    await expect(openQdrant(front, { tls: tls() })).rejects.toMatchObject({ code: "UNREACHABLE" });
    expect(front.heard()).toHaveLength(before);
  });
});

describe("the configuration", () => {
  const reach = { via: "ssh" };
  it("has the REST port of the host's loopback where nothing else is said", () => {
    expect(qdrant.config.parse({ reach }).reach).toEqual({ via: "ssh", host: "127.0.0.1", port: 6333 });
  });

  it.each([
    ["a key for restores alone", { reach, restoreApiKeySecret: "a" }],
    ["a port that is none", { reach: { via: "ssh", port: 0 } }],
    ["a key itself", { reach, apiKey: "secret" }],
    ["an authority that is no PEM", { reach, tls: { ca: "ca.pem" } }],
  ])("is refused with %s", (_, config) => {
    expect(qdrant.config.safeParse(config).success).toBe(false);
  });
});
