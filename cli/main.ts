import { CommanderError } from "commander";
import { Cancelled, EstateError } from "../lambda/engine/model/errors.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { exitCodeOfCommander, makeProgram } from "./program.ts";
import { requireRegion } from "./require-region.ts";
import type { CliWorld } from "./world.ts";

/** Runs one command line (without node and script) and answers with its exit code; errors are told, never thrown. */
export async function runCommandLine(
  args: readonly string[],
  world: Omit<CliWorld, "exitWith">,
): Promise<number> {
  let exitCode: number = EXIT.done;
  const exitWith = (code: number) => {
    exitCode = code;
  };
  try {
    await makeProgram({ ...world, exitWith }).parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOfCommander(error);
    world.tell(
      error instanceof EstateError ? `${error.name} ${error.code}: ${error.message}` : String(error),
    );
    return exitCodeOf(error);
  }
}

/** The world of a terminal. AWS clients are loaded by the commands that need them. */
export function makeTerminalWorld(): Omit<CliWorld, "exitWith"> {
  const interrupt = new AbortController();
  process.once("SIGINT", () =>
    interrupt.abort(new Cancelled("ABORTED", "Interrupted; what was written whole stays.")),
  );
  return {
    now: () => new Date(),
    signal: interrupt.signal,
    env: process.env,
    taskRenderer: "default",
    print: (text) => process.stdout.write(`${text}\n`),
    tell: (text) => process.stderr.write(`${text}\n`),
    async openVault(bucket, region, lockMode) {
      const { S3Vault } = await import("../lambda/engine/vault/s3-vault.ts");
      const { makeS3Client } = await import("../lambda/engine/vault/s3-client.ts");
      return new S3Vault({
        bucket,
        lockMode,
        client: await requireRegion(makeS3Client({ ...(region && { region }) })),
      });
    },
    async openS3(region) {
      const { makeS3Client } = await import("../lambda/engine/vault/s3-client.ts");
      return requireRegion(makeS3Client({ ...(region && { region }) }));
    },
    async openStepFunctions(region) {
      const { SFNClient } = await import("@aws-sdk/client-sfn");
      return requireRegion(new SFNClient({ ...(region && { region }) }));
    },
  };
}
