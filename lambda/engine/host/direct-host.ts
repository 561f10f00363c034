import { SourceError } from "../model/errors.ts";
import type { Host, Reached } from "./host.ts";

/** A server that the worker reaches by itself: nothing to open, nothing to close. */
export function reachDirectly(host: string, port: number): Reached {
  return { host, port, [Symbol.asyncDispose]: async () => {} };
}

/** A host without SSH, for drills: what is reached is reached straight, and there are no commands. */
export function directHost(): Host {
  return {
    reach: async (reach) => {
      if (reach.via === "direct") return reachDirectly(reach.host, reach.port);
      throw noSsh(`to reach a server by ${reach.via}`);
    },
    openProxy: async () => {
      throw noSsh("to reach several servers through");
    },
    run: async (command) => {
      throw noSsh(`to run "${command}"`);
    },
    anew: () => directHost(),
    [Symbol.asyncDispose]: async () => {},
  };
}

function noSsh(what: string): SourceError {
  return new SourceError(
    "UNSUPPORTED",
    `There is no SSH connection here ${what}: this host can only be reached directly. Reach the server directly.`,
  );
}
