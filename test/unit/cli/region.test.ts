import { devNull } from "node:os";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { makeTerminalWorld, runCommandLine } from "../../../cli/main.ts";

beforeEach(() => {
  for (const name of ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"]) vi.stubEnv(name, undefined);
  for (const name of ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]) vi.stubEnv(name, devNull);
});
afterEach(() => vi.unstubAllEnvs());

async function run(...args: string[]) {
  const told: string[] = [];
  const world = { ...makeTerminalWorld(), tell: (text: string) => told.push(text) };
  return { exitCode: await runCommandLine(args, world), told: told.join("\n") };
}

describe("a command without a Region", () => {
  it.each([
    ["that reads the vault", ["list", "--vault-bucket", "vault"]],
    ["that starts a machine", ["run", "drill", "--source", "mongodb"]],
    ["that reads another bucket", ["import", "s3://old/dump", "--config", "examples/minimal.estate.yaml"]],
  ])("%s ends with 2 and says how a Region is named", async (_, args) => {
    vi.stubEnv("BACKUP_ESTATE_VAULT_BUCKET", "vault");
    expect(await run(...args)).toEqual({
      exitCode: 2,
      told: expect.stringMatching(/^ConfigError INVALID_ENVIRONMENT: No Region was named.*--region/),
    });
  });

  it("takes the one of the options, and of the environment", async () => {
    const { openVault } = makeTerminalWorld();
    await expect(openVault("vault", "eu-central-1", "GOVERNANCE")).resolves.toBeDefined();
    vi.stubEnv("AWS_REGION", "eu-west-1");
    await expect(openVault("vault", undefined, "GOVERNANCE")).resolves.toBeDefined();
  });
});
