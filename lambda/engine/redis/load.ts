import { throwIfAborted } from "../model/errors.ts";
import type { RedisConnection } from "./connection.ts";
import { RestorePayload } from "./payload.ts";
import { Pipeline } from "./pipeline.ts";
import { RdbDecoder } from "./rdb/decoder.ts";
import type { KeyHead, RdbVisitor } from "./rdb/visitor.ts";
import { encodeCommand, encodeCount, encodeParts } from "./resp.ts";

const LINE_END = Buffer.from("\r\n");
const NAME_CHARACTERS = 60;

type Step =
  | { readonly kind: "library"; readonly code: Buffer }
  | { readonly kind: "key"; readonly head: KeyHead; readonly payload: RestorePayload };

/** Turns an RDB into what has to be sent, step by step. */
class Steps implements RdbVisitor {
  readonly #version: number;
  readonly waiting: Step[] = [];
  #head: KeyHead | undefined;
  #payload: RestorePayload | undefined;

  constructor(version: number) {
    this.#version = version;
  }

  auxiliary(): void {}

  library(code: Buffer): void {
    this.waiting.push({ kind: "library", code });
  }

  begin(head: KeyHead): void {
    this.#head = head;
    this.#payload = new RestorePayload(head.encoding, this.#version);
  }

  element(): void {}

  raw(bytes: Buffer): void {
    this.#payload?.add(bytes);
  }

  end(): void {
    const [head, payload] = [this.#head, this.#payload];
    this.#payload = undefined;
    if (head !== undefined && payload !== undefined) this.waiting.push({ kind: "key", head, payload });
  }

  [Symbol.dispose](): void {
    this.#payload?.[Symbol.dispose]();
    for (const step of this.waiting) if (step.kind === "key") step.payload[Symbol.dispose]();
  }
}

/**
 * Gives every key and library of an RDB to a running server, by RESTORE and FUNCTION LOAD; ends of life stay what they
 * were. Returns how many were sent. A key that is there already, or a single no, throws `IntegrityError` WRITE_ERRORS.
 */
export async function loadInto(
  connection: RedisConnection,
  rdb: AsyncIterable<Uint8Array>,
  version: number,
  { signal, onBytes }: { readonly signal: AbortSignal; readonly onBytes: (bytes: number) => void },
): Promise<number> {
  using steps = new Steps(version);
  const decoder = new RdbDecoder(steps);
  const sender = new Sender(connection);
  for await (const chunk of rdb) {
    throwIfAborted(signal);
    decoder.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    await sender.sendAll(steps.waiting);
    onBytes(chunk.length);
  }
  decoder.finish();
  await sender.sendAll(steps.waiting);
  return await sender.finish();
}

class Sender {
  readonly #pipeline: Pipeline;
  #database = 0;
  #sent = 0;

  constructor(connection: RedisConnection) {
    this.#pipeline = new Pipeline(connection);
  }

  async sendAll(waiting: Step[]): Promise<void> {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) await this.#send(step);
  }

  async finish(): Promise<number> {
    await this.#pipeline.finish();
    return this.#sent;
  }

  async #send(step: Step): Promise<void> {
    this.#sent += 1;
    if (step.kind === "library") {
      await this.#pipeline.add("FUNCTION LOAD", [encodeCommand(["FUNCTION", "LOAD", step.code])]);
      return;
    }
    using payload = step.payload;
    const { database } = step.head;
    if (database !== this.#database)
      await this.#pipeline.add(`SELECT ${database}`, [encodeCommand(["SELECT", String(database)])]);
    this.#database = database;
    await this.#pipeline.add(nameOf(step.head), restoreCommand(step.head, payload));
  }
}

function nameOf({ key, database }: KeyHead): string {
  return `RESTORE of ${JSON.stringify(key.toString("utf8").slice(0, NAME_CHARACTERS))} in database ${database}`;
}

async function* restoreCommand(head: KeyHead, payload: RestorePayload): AsyncGenerator<Buffer> {
  const after = ["ABSTTL", ...usageOf(head)];
  yield encodeCount(4 + after.length);
  yield encodeParts(["RESTORE", head.key, String(head.expiresAtMs ?? 0)]);
  yield Buffer.from(`$${payload.bytes}\r\n`);
  yield* payload.read();
  yield LINE_END;
  yield encodeParts(after);
}

/** How the key was used, where the server that it comes from counted it. */
function usageOf({ idleSeconds, frequency }: KeyHead): string[] {
  if (idleSeconds !== undefined) return ["IDLETIME", String(idleSeconds)];
  return frequency === undefined ? [] : ["FREQ", String(frequency)];
}
