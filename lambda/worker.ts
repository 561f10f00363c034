import { availableParallelism } from "node:os";
import { answerRequest } from "./engine/jobs/answering.ts";
import { JOBS } from "./engine/jobs/job-table.ts";
import { serveTunnel } from "./engine/jobs/world.ts";
import { Cancelled, ConfigError } from "./engine/model/errors.ts";
import type { Request } from "./engine/model/requests.ts";
import { type Wiring, wireServices } from "./handlers/services.ts";

const PART = "WORKER_PART";
/** One processor would only change between the two. */
const TUNNELS = { file: import.meta.filename, environment: { [PART]: "tunnel" } } as const;

/** The entry of a Fargate task: one request from `JOB_REQUEST`, the same jobs as the functions. */
async function main(): Promise<void> {
  const stop = new AbortController();
  process.once("SIGTERM", () =>
    stop.abort(new Cancelled("ABORTED", "The task was told to stop (SIGTERM). Nothing was sealed.")),
  );
  const wiring = wireServices(availableParallelism() > 1 ? TUNNELS : undefined);
  const request = readRequest(wiring);
  const role = wiring.environment.WORKER_ROLE ?? roleOf(request);
  await answerRequest(request, { role, mask: wiring.mask }, wiring.services, stop.signal);
}

function readRequest({ environment }: Wiring): unknown {
  try {
    return JSON.parse(environment.JOB_REQUEST ?? "");
  } catch {
    throw new ConfigError(
      "INVALID_ENVIRONMENT",
      "JOB_REQUEST holds no JSON. A task is started by the state machines, which put the request there.",
    );
  }
}

/** Without a role of its own a task is bounded by the rights of its task role. */
function roleOf(request: unknown) {
  const job = (request as { job?: unknown } | null)?.job;
  const known = typeof job === "string" && Object.hasOwn(JOBS, job);
  return (known ? JOBS[job as Request["job"]].roles[0] : undefined) ?? "checker";
}

// A process that carries a tunnel runs the same file.
if (process.env[PART] === TUNNELS.environment[PART]) await serveTunnel(process);

await main().then(
  // An open connection of a driver must not keep a task alive that has answered.
  () => process.exit(0),
  (error: unknown) => {
    console.error(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
    process.exit(1);
  },
);
