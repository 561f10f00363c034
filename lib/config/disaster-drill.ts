import type { Estate } from "../../lambda/engine/model/estate.ts";
import { isOwnAddress } from "../../lambda/engine/model/new-host.ts";
import { authoredDisasterDrillSchema, authoredEstateSchema } from "./authoring.ts";
import { type Fault, show } from "./fault.ts";

/** After the daily backups and their drills. */
const DRILL_AT = "05:00";
const DRILL_ON_DAY = 15;

/** The throw-away host and its schedule; what the schema refuses is left out. Never the estate's own host. */
export function resolveDisasterDrill(
  raw: unknown,
  rawHost: unknown,
  { app, sources }: Pick<Estate, "app" | "sources">,
): { disasterDrill?: Estate["disasterDrill"]; faults: readonly Fault[] } {
  const authored = authoredDisasterDrillSchema.safeParse(raw);
  const own = authoredEstateSchema.shape.host.safeParse(rawHost);
  if (!authored.success || !own.success) return { faults: [] };
  const { host, on, at, without } = authored.data;
  const drillHost = { ...host, port: host.port ?? 22, user: host.user ?? own.data.user };
  const faults = [
    ...(sameAddress(drillHost, own.data) ? [ownHost("address", show(host.address))] : []),
    ...(host.hostKey === own.data.hostKey ? [ownHost("hostKey", "the key of the estate's own host")] : []),
    ...(app !== undefined && !isOwnAddress(new URL(app.health.url).hostname)
      ? [livePage(app.health.url)]
      : []),
    ...(without ?? []).filter((name) => !Object.hasOwn(sources, name)).map((name) => noSource(name, sources)),
    ...(without !== undefined && Object.keys(sources).every((name) => without.includes(name))
      ? [nothingLeft(without)]
      : []),
  ];
  if (faults.length > 0) return { faults };
  const schedule = { at: at ?? DRILL_AT, onDayOfMonth: on ?? DRILL_ON_DAY };
  return { disasterDrill: { host: drillHost, schedule, ...(without && { without }) }, faults };
}

const WITHOUT = ["disasterDrill", "without"] as const;

function noSource(name: string, sources: Estate["sources"]): Fault {
  return {
    path: WITHOUT,
    got: show(name),
    expected: `names of sources: ${Object.keys(sources).join(", ")}`,
    remedy: "Correct the name, or leave it out.",
  };
}

function nothingLeft(without: readonly string[]): Fault {
  return {
    path: WITHOUT,
    got: show(without.join(", ")),
    expected: "at least one source that is recovered",
    remedy: "Leave disasterDrill out where no source can be drilled on another machine.",
  };
}

interface Address {
  readonly address: string;
  readonly port?: number | undefined;
}

function sameAddress(left: Address, right: Address): boolean {
  return left.address === right.address && (left.port ?? 22) === (right.port ?? 22);
}

/** A drill would ask the live app, and call itself healthy by its answer. */
function livePage(url: string): Fault {
  return {
    path: ["app", "health", "url"],
    got: show(url),
    expected:
      "a page of the host itself, such as http://127.0.0.1:8080/health: a drill asks its own host for it",
    remedy: "Name the page by 127.0.0.1 or localhost, or leave disasterDrill out.",
  };
}

/** Whatever stands on that host is overwritten without a question, once a month. */
function ownHost(field: "address" | "hostKey", got: string): Fault {
  return {
    path: ["disasterDrill", "host", field],
    got,
    expected: "another machine than `host`: a drill overwrites everything on it",
    remedy: "Name a throw-away machine, with an address and a host key of its own.",
  };
}
