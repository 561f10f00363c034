import { isIP } from "node:net";
import { RefusedError, SourceError } from "../model/errors.ts";
import type { CommandResult } from "./host.ts";

/** Docker's own rule for container names; nothing that a shell would read as more than a word. */
const CONTAINER_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;
const FORMAT =
  "{{.State.Running}} {{.HostConfig.NetworkMode}}{{range .NetworkSettings.Networks}} {{.IPAddress}}{{end}}";

/** The one fixed command that finds a container. Throws `RefusedError` INPUT_INVALID for a name that is none. */
export function inspectCommand(container: string): string {
  if (!CONTAINER_NAME.test(container))
    throw new RefusedError(
      "INPUT_INVALID",
      `"${container}" is not a container's name: expected letters, digits, "_", "." and "-". Correct it in the source's reach.`,
      { facts: { container } },
    );
  return `docker inspect --type container --format '${FORMAT}' ${container}`;
}

/** The address of a container, out of what `inspectCommand` printed. Throws `SourceError` UNREACHABLE. */
export function addressOfContainer(container: string, { exitCode, stdout, stderr }: CommandResult): string {
  if (exitCode !== 0)
    throw unreachable(container, stderr.trim() || `exit code ${exitCode}`, "Check its name by docker ps.");
  const [running, networkMode, ...addresses] = stdout.trim().split(/\s+/);
  if (running !== "true") throw unreachable(container, "a stopped container", "Start it.");
  if (networkMode === "host") return "127.0.0.1";
  const address = addresses.find((candidate) => isIP(candidate) !== 0);
  if (address === undefined) throw unreachable(container, "no address", "Join it to a network.");
  return address;
}

function unreachable(container: string, got: string, advice: string): SourceError {
  return new SourceError(
    "UNREACHABLE",
    `The container ${container} was not found on the host: got "${got}", expected a running container with an address. ${advice}`,
    { facts: { container, got } },
  );
}
