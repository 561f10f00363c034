import { directHost } from "../../../lambda/engine/host/direct-host.ts";
import { openHost } from "../../../lambda/engine/host/open-host.ts";
import { claim } from "../../../lambda/engine/jobs/claim.ts";
import { dump } from "../../../lambda/engine/jobs/dump.ts";
import type { Services } from "../../../lambda/engine/jobs/services.ts";
import { sourceOf } from "../../../lambda/engine/jobs/world.ts";
import { Cancelled } from "../../../lambda/engine/model/errors.ts";
import type { Vault } from "../../../lambda/engine/vault/vault.ts";
import { executionArn, makeJobWorld, NEVER } from "../../support/job-world.ts";
import type { Opening } from "./sessions.ts";

interface Stopped {
  readonly error: unknown;
  /** Keys of manifests, which would make it a backup. */
  readonly sealed: readonly string[];
  /** Uploads that had begun. */
  readonly uploads: number;
}

/** Runs the job that dumps a source, and stops it as soon as bytes of the source have arrived at the vault. */
export async function stoppedDump(opening: Opening): Promise<Stopped> {
  const { kind, config, ssh, secrets = {} } = opening;
  const stop = new AbortController();
  let uploads = 0;
  const world = makeJobWorld({
    sourceOf,
    openHost: async (signal) => (ssh ? openHost(ssh.host, ssh.privateKey, signal) : directHost()),
    estate: { sources: { [kind]: { kind, compute: "fargate", config: config as never } } },
  });
  const putStream: Vault["putStream"] = async (key, body, options) => {
    uploads += 1;
    return await world.vault.putStream(key, stopAtFirstBytes(body, stop), options);
  };
  const vault = new Proxy(world.vault, {
    get: (target, name) => {
      if (name === "putStream") return putStream;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const secret = async (name: string) => secrets[name] ?? "";
  const services: Services = { ...world.services, vault, secret, clock: { now: () => new Date() } };
  const execution = { executionArn: executionArn("stopped"), startedAt: new Date().toISOString() };
  const claimed = await claim({ job: "claim", cadence: "manual", execution }, services, NEVER);
  if (claimed.outcome !== "claimed") throw new Error(`expected a claim, got ${claimed.outcome}`);
  const request = { job: "dump", run: claimed.run, source: kind, drillDue: true } as const;
  const error: unknown = await dump(request, services, stop.signal).catch((reason: unknown) => reason);
  const sealed = await Array.fromAsync(world.vault.list("manifests/", NEVER), ({ key }) => key);
  return { error, sealed, uploads };
}

async function* stopAtFirstBytes(body: AsyncIterable<Uint8Array>, stop: AbortController) {
  for await (const chunk of body) {
    stop.abort(new Cancelled("TOKEN_LOST", "The test stopped the dump."));
    yield chunk;
  }
}
