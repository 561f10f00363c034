import { describe, expect, it } from "vitest";
import { addressOfContainer, inspectCommand } from "../../../lambda/engine/host/container.ts";

const answer = (stdout: string) => ({ exitCode: 0, stdout, stderr: "" });

describe("the command that finds a container", () => {
  it("asks docker inspect for exactly the container named", () => {
    expect(inspectCommand("erp_mongo-1.db")).toMatch(/^docker inspect .* erp_mongo-1\.db$/);
  });

  it.each(["", "-f", "a b", "a;reboot", "$(reboot)", "a`id`", "a\nb", "é", "a".repeat(129)])(
    "refuses %j, which is no container's name",
    (name) => {
      expect(() => inspectCommand(name)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
    },
  );
});

describe("the address of a container", () => {
  it("is the first address of its networks", () => {
    expect(addressOfContainer("mongo", answer("true erp_default 172.18.0.4 172.19.0.2\n"))).toBe(
      "172.18.0.4",
    );
  });

  it("is the host's own when the container shares its network", () => {
    expect(addressOfContainer("mongo", answer("true host \n"))).toBe("127.0.0.1");
  });

  it.each([
    ["a stopped container", answer("false erp_default \n"), "a stopped container"],
    ["a container without a network", answer("true none \n"), "no address"],
    ["an output that is no address", answer("true bridge <no\n"), "no address"],
    ["an unknown container", { exitCode: 1, stdout: "", stderr: "No such container" }, "No such container"],
    ["a host without docker", { exitCode: 127, stdout: "", stderr: "" }, "exit code 127"],
  ])("is refused for %s", (_, result, got) => {
    expect(() => addressOfContainer("mongo", result)).toThrow(
      expect.objectContaining({ code: "UNREACHABLE", message: expect.stringContaining(got) }),
    );
  });
});
