import { SourceError } from "../model/errors.ts";

const LENGTH_DIGITS = 4;
/** Source: git, "gitprotocol-common", pkt-line. */
const LINE_BYTES_LIMIT = 65_520;
const FLUSH = "0000";

/** One line of git's protocol; without a text, the flush that ends a list. */
export function packetLine(text?: string): Buffer {
  if (text === undefined) return Buffer.from(FLUSH);
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from((bytes.length + LENGTH_DIGITS).toString(16).padStart(4, "0")), bytes]);
}

/** Lines out of a connection, list by list. */
export class PacketReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Until a flush. Throws `SourceError` CONNECTION_LOST where the other side ends before it. */
  async readList(): Promise<string[]> {
    const lines: string[] = [];
    for (;;) {
      const length = Number.parseInt((await this.#take(LENGTH_DIGITS)).toString("latin1"), 16);
      if (length === 0) return lines;
      if (!(length >= LENGTH_DIGITS && length <= LINE_BYTES_LIMIT)) throw lost(`a line of length ${length}`);
      lines.push((await this.#take(length - LENGTH_DIGITS)).toString("utf8").replace(/\n$/, ""));
    }
  }

  async #take(bytes: number): Promise<Buffer> {
    while (this.#held.length < bytes) {
      const { value, done } = await this.#chunks.next();
      if (done === true) throw lost("the end of the connection");
      this.#held = Buffer.concat([this.#held, value]);
    }
    const taken = this.#held.subarray(0, bytes);
    this.#held = this.#held.subarray(bytes);
    return taken;
  }
}

function lost(got: string): SourceError {
  return new SourceError(
    "CONNECTION_LOST",
    `The git server of the drill sent ${got}, expected a line of its protocol. Look at its log; the drill may be repeated.`,
  );
}
