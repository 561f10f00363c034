import { IntegrityError } from "../model/errors.ts";
import type { RedisConnection } from "./connection.ts";
import { ReplyError } from "./resp.ts";
import { translateReply } from "./translate-error.ts";

/** Commands that are sent before the answers to the ones before are read. */
const BATCH_COMMANDS = 512;
const BATCH_BYTES = 1024 * 1024;

/** Sends commands one behind the other and reads the answers later; every one of them must be a yes. */
export class Pipeline {
  readonly #connection: RedisConnection;
  #batch: Buffer[] = [];
  #batchBytes = 0;
  #batchCommands: string[] = [];
  #unanswered: string[] = [];

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  /** `name` is what a failure calls the command. */
  async add(name: string, bytes: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
    for await (const chunk of bytes) {
      this.#batch.push(chunk);
      this.#batchBytes += chunk.length;
      if (this.#batchBytes > BATCH_BYTES) await this.#send();
    }
    this.#batchCommands.push(name);
    if (this.#batchCommands.length >= BATCH_COMMANDS) await this.#turn();
  }

  /** Sends what is left and reads all answers. */
  async finish(): Promise<void> {
    await this.#turn();
    await this.#turn();
  }

  async #turn(): Promise<void> {
    await this.#send();
    for (const name of this.#unanswered) await this.#readYes(name);
    this.#unanswered = this.#batchCommands;
    this.#batchCommands = [];
  }

  async #send(): Promise<void> {
    if (this.#batchBytes === 0) return;
    const bytes = Buffer.concat(this.#batch, this.#batchBytes);
    this.#batch = [];
    this.#batchBytes = 0;
    await this.#connection.write(bytes);
  }

  async #readYes(name: string): Promise<void> {
    const reply = await this.#connection.readReply();
    if (!(reply instanceof ReplyError)) return;
    const cause = translateReply(reply.message, `${name} at ${this.#connection.where}`);
    if (cause.code !== "COMMAND_FAILED") throw cause;
    throw new IntegrityError(
      "WRITE_ERRORS",
      `${name} was not taken by the server at ${this.#connection.where}: ${reply.message}. What was restored is not whole; find out why, then restore again.`,
      { cause },
    );
  }
}
