import { RefusedError } from "../model/errors.ts";
import { isOwnAddress } from "../model/new-host.ts";
import type { Address } from "./address.ts";
import type { Host, Reach, SocksProxy } from "./host.ts";

/**
 * A throw-away host through which nothing but its own servers and containers is reached: the addresses of the
 * configuration are those of the live estate, and one that leads elsewhere leads to live data. What it returns throws
 * `RefusedError` INPUT_INVALID for such an address before anything is connected.
 */
export function onlyOwnServers(host: Host): Host {
  return {
    reach: async (reach) => await host.reach(requireOwn(reach)),
    openProxy: async (random) => guardProxy(await host.openProxy(random)),
    run: async (command, signal) => await host.run(command, signal),
    ...(host.read && { read: host.read.bind(host) }),
    anew: (signal) => onlyOwnServers(host.anew(signal)),
    ...(host.files && { files: host.files.bind(host) }),
    [Symbol.asyncDispose]: async () => await host[Symbol.asyncDispose](),
  };
}

function requireOwn(reach: Reach): Reach {
  if (reach.via === "container" || (reach.via === "ssh" && isOwnAddress(reach.host))) return reach;
  throw leadsElsewhere(reach);
}

function guardProxy(proxy: SocksProxy): SocksProxy {
  return {
    host: proxy.host,
    port: proxy.port,
    user: proxy.user,
    password: proxy.password,
    allow: (address) => {
      if (!isOwnAddress(address.host)) throw leadsElsewhere(address);
      proxy.allow(address);
    },
    failureOf: (address) => proxy.failureOf(address),
    [Symbol.asyncDispose]: async () => await proxy[Symbol.asyncDispose](),
  };
}

function leadsElsewhere({ host, port }: Address): RefusedError {
  return new RefusedError(
    "INPUT_INVALID",
    `A drill on a throw-away host would have reached ${host}:${port}, which may be a live server; expected 127.0.0.1, localhost or a container of the host itself. Nothing was changed. Leave that source out by "without", or reach it by the host's own address.`,
    { facts: { host, port } },
  );
}
