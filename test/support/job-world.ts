import { directHost } from "../../lambda/engine/host/direct-host.ts";
import type { Host } from "../../lambda/engine/host/host.ts";
import type { ExecutionState, Services } from "../../lambda/engine/jobs/services.ts";
import { throwIfAborted } from "../../lambda/engine/model/errors.ts";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import type { Source } from "../../lambda/engine/sources/source.ts";
import { MemoryState } from "../../lambda/engine/vault/memory-state.ts";
import { MemoryVault } from "../../lambda/engine/vault/memory-vault.ts";
import { makeSeededRandom } from "./bytes.ts";
import { makeEstate } from "./estate.ts";
import { type FakeServer, fakeServer, fakeSource } from "./fake-source.ts";

export const NEVER = new AbortController().signal;
const NIGHT = "2026-11-23T23:30:00.000Z";

export const executionArn = (name: string, machine = "demo-backup") =>
  `arn:aws:states:eu-central-1:111122223333:execution:${machine}:${name}`;

/** Time that moves one millisecond at every look, and as far as it is told. */
export function makeTestClock(at = NIGHT) {
  let now = Date.parse(at);
  return {
    now: () => new Date(now++),
    advance(ms: number) {
      now += ms;
    },
  };
}

export interface JobWorld {
  readonly services: Services;
  readonly vault: MemoryVault;
  readonly state: MemoryState;
  readonly clock: ReturnType<typeof makeTestClock>;
  /** `live` is the server that is backed up; a drill restores into `127.0.0.1:1`. */
  readonly servers: Map<string, FakeServer>;
  readonly executions: Map<string, ExecutionState>;
  readonly lines: string[];
  /** What was sent for alarms. */
  readonly numbers: { readonly name: string; readonly value: number; readonly dimensions: object }[];
  /** What waiting machines were told: `succeed`, `fail`, `heartbeat`. */
  readonly answers: { readonly kind: string; readonly token: string; readonly details: unknown }[];
}

export interface WorldChanges {
  readonly estate?: Partial<Estate>;
  readonly contents?: Readonly<Record<string, readonly string[]>>;
  readonly openHost?: (signal: AbortSignal) => Promise<Host>;
  readonly sourceOf?: (kind: string) => Source;
}

const CONTENTS = {
  "erp.invoices": ["فاتورة 1", "invoice 2", "invoice 3"],
  "erp.customers": ["customer 1"],
  "erp.empty": [],
};

/** Everything that the jobs use, in memory, around one fake source named `ledger`. */
export function makeJobWorld(changes: WorldChanges = {}): JobWorld {
  const clock = makeTestClock();
  const state = new MemoryState();
  const vault = new MemoryVault(clock);
  const servers = new Map([
    ["live", fakeServer(changes.contents ?? CONTENTS)],
    ["127.0.0.1:1", fakeServer()],
  ]);
  const executions = new Map<string, ExecutionState>();
  const lines: string[] = [];
  const answers: JobWorld["answers"] = [];
  const numbers: JobWorld["numbers"] = [];
  const note = (kind: string, token: string, details: unknown) => {
    answers.push({ kind, token, details });
    return Promise.resolve(true);
  };
  const random = makeSeededRandom(7);
  const write = (message: string, facts?: object) => lines.push(JSON.stringify({ message, ...facts }));
  const source = fakeSource(servers);
  const services: Services = {
    estate: makeEstate({
      sources: { ledger: { kind: "fake", compute: "lambda", config: { server: "live" } } },
      ...changes.estate,
    }),
    vault,
    state,
    clock,
    random: { bytes: (length) => Uint8Array.from({ length }, () => random() * 256) },
    log: { info: write, warn: write, error: write },
    executions: { stateOf: async (arn) => executions.get(arn) ?? "unknown" },
    tokens: {
      succeed: (token, output) => note("succeed", token, output),
      fail: (token, error, cause) => note("fail", token, { error, cause }),
      heartbeat: (token) => note("heartbeat", token, undefined),
    },
    metrics: {
      put: async (name, value, dimensions) => {
        numbers.push({ name, value, dimensions });
      },
    },
    drillAddress: { host: "127.0.0.1", port: 1 },
    sourceOf: changes.sourceOf ?? (() => source),
    openHost: changes.openHost ?? (async () => directHost()),
    secret: async () => "a secret",
    wait: async (delayMs, signal) => {
      throwIfAborted(signal);
      clock.advance(delayMs);
    },
  };
  return { services, vault, state, clock, servers, executions, lines, numbers, answers };
}
