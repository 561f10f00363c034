import { describe, expect, it } from "vitest";
import type { Host, Reach } from "../../../lambda/engine/host/host.ts";
import { onlyOwnServers } from "../../../lambda/engine/host/own-servers.ts";

function throwAwayHost() {
  const reached: Reach[] = [];
  const allowed: string[] = [];
  const host: Host = {
    reach: async (reach) => {
      reached.push(reach);
      return { host: "127.0.0.1", port: 1, [Symbol.asyncDispose]: async () => {} };
    },
    openProxy: async () => ({
      ...{ host: "127.0.0.1", port: 1, user: "a", password: "b" },
      allow: (address) => void allowed.push(address.host),
      failureOf: () => undefined,
      [Symbol.asyncDispose]: async () => {},
    }),
    run: async () => ({ exitCode: 0, stdout: "", stderr: "" }),
    anew: () => host,
    [Symbol.asyncDispose]: async () => {},
  };
  return { host: onlyOwnServers(host), reached, allowed };
}
const random = { bytes: (length: number) => new Uint8Array(length) };

describe("a throw-away host", () => {
  it.each([
    { via: "ssh", host: "127.0.0.1", port: 27017 },
    { via: "ssh", host: "localhost", port: 27017 },
    { via: "ssh", host: "::1", port: 27017 },
    { via: "container", container: "mongo", port: 27017 },
  ] as const)("reaches its own server $host$container by $via", async (reach) => {
    const { host, reached } = throwAwayHost();
    await host.reach(reach);
    expect(reached).toEqual([reach]);
  });

  it.each([
    { via: "ssh", host: "10.0.0.5", port: 27017 },
    { via: "ssh", host: "mongo.example.com", port: 27017 },
    { via: "ssh", host: "127.0.0.1.example.com", port: 27017 },
    { via: "direct", host: "127.0.0.1", port: 27017 },
    { via: "direct", host: "10.0.0.5", port: 27017 },
  ] as const)("refuses $host by $via, which may be live, and connects nothing", async (reach) => {
    const { host, reached } = throwAwayHost();
    await expect(host.reach(reach)).rejects.toMatchObject({ name: "RefusedError", code: "INPUT_INVALID" });
    await expect(host.anew(new AbortController().signal).reach(reach)).rejects.toThrow(
      /may be a live server/,
    );
    expect(reached).toEqual([]);
  });

  it("lets its proxy carry to itself only", async () => {
    const { host, allowed } = throwAwayHost();
    const proxy = await host.openProxy(random);
    proxy.allow({ host: "127.0.0.1", port: 1 });
    expect(() => proxy.allow({ host: "mongo-2", port: 27017 })).toThrow(/may be a live server/);
    expect(allowed).toEqual(["127.0.0.1"]);
  });
});
