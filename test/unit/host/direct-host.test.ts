import { expect, it } from "vitest";
import { directHost } from "../../../lambda/engine/host/direct-host.ts";

it("a direct host reaches a direct address as it is", async () => {
  await using host = directHost();
  expect(await host.reach({ via: "direct", host: "127.0.0.1", port: 27017 })).toMatchObject({
    host: "127.0.0.1",
    port: 27017,
  });
});

it("a direct host refuses tunnels and containers", async () => {
  await using host = directHost();
  const refused = { name: "SourceError", code: "UNSUPPORTED" };
  await expect(host.reach({ via: "ssh", host: "127.0.0.1", port: 1 })).rejects.toMatchObject(refused);
  await expect(host.reach({ via: "container", container: "a", port: 1 })).rejects.toMatchObject(refused);
});

it("a direct host refuses commands", async () => {
  await using host = directHost();
  await expect(host.run("reboot", new AbortController().signal)).rejects.toMatchObject({
    code: "UNSUPPORTED",
  });
});
