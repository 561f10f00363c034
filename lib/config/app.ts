import type { EstateApp } from "../../lambda/engine/model/estate.ts";
import { authoredAppSchema } from "./authoring.ts";
import { minutesOf } from "./durations.ts";
import { type Fault, show } from "./fault.ts";

const HEALTH_TIMEOUT_SECONDS = 120;
/** The health is asked for by a function, which runs for 15 minutes at most and needs time to connect and to answer. */
const HEALTH_LIMIT_MINUTES = 13;

/** The host's commands for the app: those that are written, or Docker Compose's; what the schema refuses is left out. */
export function resolveApp(raw: unknown): { app?: EstateApp; faults: readonly Fault[] } {
  if (raw === undefined) return { faults: [] };
  const authored = authoredAppSchema.safeParse(raw);
  if (!authored.success) return { faults: [] };
  const { compose, stop, start, services, health } = authored.data;
  const byCommands = stop !== undefined && start !== undefined;
  const isClear =
    compose === undefined ? byCommands : [stop, start, services].every((command) => command === undefined);
  if (!isClear) return { faults: [unclear(authored.data)] };
  if (health.timeout !== undefined && minutesOf(health.timeout) > HEALTH_LIMIT_MINUTES)
    return { faults: [tooPatient(health.timeout)] };
  const byCompose = (verb: string, names: readonly string[] | undefined) =>
    compose && names && `docker compose --file ${quote(compose.file)} ${verb} ${names.join(" ")}`;
  const servicesCommand = services ?? byCompose("up --detach", compose?.databases);
  // What was never there cannot be started, only made.
  const createCommand = byCompose("up --detach", compose?.services);
  return {
    app: {
      stopCommand: stop ?? byCompose("stop", compose?.services) ?? "",
      startCommand: start ?? byCompose("start", compose?.services) ?? "",
      ...(servicesCommand !== undefined && { servicesCommand }),
      ...(createCommand !== undefined && { createCommand }),
      health: {
        url: health.url,
        expectStatus: health.status ?? 200,
        ...(health.body !== undefined && { expectBody: health.body }),
        timeoutSeconds:
          health.timeout === undefined ? HEALTH_TIMEOUT_SECONDS : minutesOf(health.timeout) * 60,
      },
    },
    faults: [],
  };
}

function tooPatient(timeout: string): Fault {
  return {
    path: ["app", "health", "timeout"],
    got: show(timeout),
    expected: `at most ${HEALTH_LIMIT_MINUTES} minutes: the function that asks runs for 15 at most`,
    remedy: `Write timeout: ${HEALTH_LIMIT_MINUTES} minutes, or have the start command wait for the app.`,
  };
}

function unclear(app: object): Fault {
  const got = Object.keys(app).filter((key) => key !== "health");
  return {
    path: ["app"],
    got: got.length === 0 ? "no way to stop and start it" : show(got.join(", ")),
    expected: "either compose, or both stop and start (and services beside them)",
    remedy: "Write compose: { file: /srv/erp/compose.yaml, services: [app] }, or the two commands.",
  };
}

/** One word of a POSIX shell. */
function quote(word: string): string {
  return /^[A-Za-z0-9/._-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
