import { describe, expect, it } from "vitest";
import { SourceError } from "../../../lambda/engine/model/errors.ts";
import { redact } from "../../../lambda/engine/model/redact.ts";

const SECRET = "hunter2Zq9";
const KEY = `-----BEGIN OPENSSH PRIVATE KEY-----\n${SECRET}\nAAAA\n-----END OPENSSH PRIVATE KEY-----`;
const cyclic: Record<string, unknown> = { password: SECRET };
cyclic.self = cyclic;

describe("redact", () => {
  it.each<[string, unknown]>([
    ["a field named password", { password: SECRET }],
    ["a field named in capitals", { MONGO_PASSWORD: SECRET }],
    ["a nested field", { a: [{ b: { sshPassphrase: SECRET } }] }],
    ["a task token", { taskToken: SECRET }],
    ["a session token", { SessionToken: SECRET }],
    ["whole credentials", { credentials: { user: "x", value: SECRET } }],
    ["a URI", `mongodb://backup:${SECRET}@127.0.0.1:27017/?directConnection=true`],
    ["a URI without a user", `redis://:${SECRET}@cache:6379`],
    ["a URI with an @ in its password", `mongodb://backup:p@${SECRET}@db:27017/`],
    ["two URIs", `mongodb://a:x1@h, mongodb://b:${SECRET}@h`],
    ["a private key", `could not parse ${KEY} of the host`],
    ["half of a private key", `-----BEGIN RSA PRIVATE KEY-----\n${SECRET}`],
    ["a command line", `mongodump --password ${SECRET} --db erp`],
    ["a command line with an equals sign", `mongodump --password=${SECRET}`],
    ["an assignment", `MONGO_PASSWORD='${SECRET}' node x`],
    ["AWS variables", `AWS_SECRET_ACCESS_KEY=${SECRET} AWS_REGION=x`],
    ["a JSON text", `got {"user":"x","password":"${SECRET}"}`],
    ["a form field", `grant=x&client_secret=${SECRET}&scope=all`],
    ["a JSON text with spaces", `{ "secret" : "${SECRET}" }`],
    ["a bearer token", `Authorization: Bearer ${SECRET}`],
    ["a presigned URL", `https://b.s3.amazonaws.com/k?X-Amz-Signature=${SECRET}&x=1`],
    ["an error", new Error(`failed for redis://:${SECRET}@h`)],
    ["the cause of an error", new Error("failed", { cause: new Error(`password=${SECRET}`) })],
    ["a map", new Map([["password", SECRET]])],
    ["a secret as a field's name", { [`redis://:${SECRET}@h`]: 1 }],
    ["a value that contains itself", cyclic],
    [
      "facts of an error of ours",
      new SourceError("AUTH_FAILED", "no", { facts: { password: SECRET } }).facts,
    ],
    ["message of an error of ours", new SourceError("AUTH_FAILED", `no password=${SECRET}`).message],
  ])("hides the secret in %s", (_, value) => {
    const text = JSON.stringify(redact(value));
    expect(text).not.toContain(SECRET);
    expect(text).toContain("[redacted]");
  });

  it("hides access keys", () => {
    expect(redact("key AKIAIOSFODNN7EXAMPLE refused")).toBe("key [redacted] refused");
  });

  it.each([
    "password authentication failed for user backup",
    "mongodb://127.0.0.1:27017/erp",
    "sources.mongodb.passwordSecret: expected a name or ARN",
    "ssh://deploy@host:22",
    "the token was lost",
  ])("leaves %j as it is", (text) => {
    expect(redact(text)).toBe(text);
  });

  it("keeps what an operator needs", () => {
    const facts = { key: "data/daily/x", versionId: "v1", bytes: 12n, at: new Date(0), user: "backup" };
    expect(redact(facts)).toEqual({ ...facts, bytes: "12", at: "1970-01-01T00:00:00.000Z" });
  });

  it("gives plain, bounded JSON for anything", () => {
    const wide = {
      items: Array.from({ length: 5000 }, (_, index) => index),
      bytes: Buffer.alloc(9),
      run() {},
    };
    const result = redact(wide) as { items: unknown[]; bytes: unknown; run: unknown };
    expect(result.items).toHaveLength(200);
    expect(result).toMatchObject({ bytes: "[9 bytes]", run: "[function]" });
    expect(String(redact("x".repeat(100_000))).length).toBeLessThan(17_000);
  });

  it("changes nothing more the second time", () => {
    const once = redact({ uri: `redis://:${SECRET}@h`, text: `password=${SECRET}`, pem: KEY });
    expect(redact(once)).toEqual(once);
  });
});
