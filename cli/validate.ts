import { CADENCES } from "../lambda/engine/model/cadence.ts";
import type { Estate } from "../lambda/engine/model/estate.ts";
import { describeSchedule, nextOccurrence } from "../lambda/engine/model/schedule.ts";
import { inspectEstate, readText } from "../lib/config/load-estate.ts";
import { formatJson, formatMoment, formatTable } from "./format.ts";
import type { CliWorld } from "./world.ts";

const NEXT_TIMES = 3;

/** Prints what an `estate.yaml` means: when each cadence runs next, how long its backups are kept and locked. */
export function validateEstate(path: string, options: { json?: boolean }, world: CliWorld): void {
  const { estate, notes } = inspectEstate(readText(path), path, { now: world.now() });
  if (options.json) world.print(formatJson({ estate, notes, nextTimes: nextTimes(estate, world.now()) }));
  else world.print(describePlan(estate, notes, world.now()));
}

function describePlan(estate: Estate, notes: readonly string[], now: Date): string {
  const told = notes.map((note) => `Note: ${note}`).join("\n");
  const parts = [
    describeEstate(estate),
    cadenceTable(estate),
    timesTable(estate, now),
    describeHost(estate),
    told,
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

function describeEstate(estate: Estate): string {
  const { host, regions, objectives } = estate;
  return [
    `The estate ${estate.name} is well described.`,
    `Host      ${host.user}@${host.address}:${host.port}`,
    `Vault     ${regions.primary}, replica in ${regions.replica}, locks by ${estate.lockMode}`,
    `Sources   ${Object.entries(estate.sources)
      .map(([name, { kind, compute }]) => `${name} (${kind} on ${compute})`)
      .join(", ")}`,
    ...(estate.localTier === undefined ? [] : [describeLocalTier(estate.localTier)]),
    `Aims      RPO ${objectives.rpoSeconds / 60} min, RTO ${objectives.rtoSeconds / 60} min`,
  ].join("\n");
}

function describeLocalTier({ path, keep, schedule }: NonNullable<Estate["localTier"]>): string {
  return `Copies    the newest ${keep} of each source that has a file of its own tools, ${describeSchedule(schedule)}, on the host below ${path}`;
}

/** What has to be done on the host; a fresh operator otherwise meets it as the first backup's failure. */
function describeHost({ app, host: { user }, localTier }: Estate): string {
  const commands = app
    ? [app.servicesCommand, app.createCommand, app.stopCommand, app.startCommand].filter(
        (command) => command !== undefined,
      )
    : [];
  const letThrough = commands.length === 0 ? [] : ["It lets these commands through, word for word:"];
  return [
    "On the host: one `permitopen` a server in the key's line of authorized_keys, a script of the commands that are",
    "allowed, and their lines in sudoers. docs/host.md has all three, to be copied.",
    ...letThrough,
    ...[...new Set(commands)].map((command) => `  ${command}`),
    ...(localTier === undefined
      ? []
      : [
          "A folder for its copies that belongs to the SSH user, and no command more:",
          `  sudo install -d -m 700 -o ${user} -g ${user} ${localTier.path}`,
        ]),
  ].join("\n");
}

function cadenceTable(estate: Estate): string {
  const rows = CADENCES.flatMap((cadence) => {
    const policy = estate.cadences[cadence];
    if (policy === undefined) return [];
    const { schedule, retainDays, lockDays, storage, drill } = policy;
    const when = schedule ? describeSchedule(schedule) : "-";
    const data = `${retainDays + estate.fullEveryDays} d / ${lockDays + estate.fullEveryDays} d`;
    return [[cadence, when, `${retainDays} d`, `${lockDays} d`, data, storage, drill ? "yes" : "no"]];
  });
  return formatTable(["CADENCE", "RUNS", "KEPT", "LOCKED", "DATA KEPT / LOCKED", "STORAGE", "DRILL"], rows);
}

function timesTable(estate: Estate, now: Date): string {
  const rows = Object.entries(nextTimes(estate, now)).map(([cadence, moments]) => [
    cadence,
    ...moments.map((moment) => formatMoment(new Date(moment), estate.timeZone)),
  ]);
  return `Next times in ${estate.timeZone}\n${formatTable(["CADENCE", "NEXT", "THEN", "THEN"], rows)}`;
}

/** Cadence → the next moments at which it runs, UTC. */
function nextTimes(estate: Estate, now: Date): Record<string, string[]> {
  const entries = CADENCES.flatMap((cadence) => {
    const schedule = estate.cadences[cadence]?.schedule;
    if (schedule === undefined) return [];
    const moments: string[] = [];
    for (let at = now; moments.length < NEXT_TIMES; ) {
      at = nextOccurrence(schedule, estate.timeZone, at);
      moments.push(at.toISOString());
    }
    return [[cadence, moments] as const];
  });
  return Object.fromEntries(entries);
}
