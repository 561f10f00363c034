import { EstateError } from "../lambda/engine/model/errors.ts";

/** What the shell is told; a contract with scripts, and part of `--help`. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notMet: 3,
  notIntact: 4,
  interrupted: 130,
} as const;

export const EXIT_CODES_HELP = `Exit codes:
  0    done
  1    AWS, the network or the execution failed
  2    the command line, the environment or estate.yaml is wrong
  3    an objective is missed, what was asked for is not there, or a run was skipped
  4    stored bytes are not what was written: a human has to look, now
  130  interrupted`;

/** The exit code of an error. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof EstateError)) return EXIT.failed;
  if (error.name === "ConfigError") return EXIT.usage;
  if (error.name === "IntegrityError") return EXIT.notIntact;
  if (error.name === "Cancelled") return EXIT.interrupted;
  if (error.code === "INPUT_INVALID") return EXIT.usage;
  return error.code === "NOT_FOUND" || error.code === "NO_VERIFIED_BACKUP" ? EXIT.notMet : EXIT.failed;
}
