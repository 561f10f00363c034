import { SourceError } from "../model/errors.ts";

/** What a server said no with: `NOAUTH Authentication required.` */
export class ReplyError {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/** One reply of the protocol RESP2. */
export type Reply = string | number | null | Buffer | ReplyError | readonly Reply[];

const LINE_END = Buffer.from("\r\n");
/** A reply that this project asks for is a few KiB; a server that says more is no Redis. */
const REPLY_BYTES_LIMIT = 64 * 1024 * 1024;

/** One command, as the protocol wants it. */
export function encodeCommand(parts: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat([encodeCount(parts.length), encodeParts(parts)]);
}

/** Before the parts of a command. */
export function encodeCount(parts: number): Buffer {
  return Buffer.from(`*${parts}\r\n`);
}

/** Some of the parts of a command. */
export function encodeParts(parts: readonly (string | Uint8Array)[]): Buffer {
  const pieces: Uint8Array[] = [];
  for (const part of parts) {
    const bytes = typeof part === "string" ? Buffer.from(part) : part;
    pieces.push(Buffer.from(`$${bytes.length}\r\n`), bytes, LINE_END);
  }
  return Buffer.concat(pieces);
}

/** Bytes of a server that were not used yet, cut into lines and replies. */
export class ReplyBuffer {
  #bytes: Buffer = Buffer.alloc(0);

  append(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    if (this.#bytes.length > REPLY_BYTES_LIMIT) throw protocolFault("a reply of more than 64 MiB");
  }

  /** A line without its end, or undefined when it is not there yet. */
  takeLine(): string | undefined {
    const end = this.#bytes.indexOf(LINE_END);
    if (end < 0) return undefined;
    const line = this.#bytes.toString("utf8", 0, end);
    this.#bytes = this.#bytes.subarray(end + LINE_END.length);
    return line;
  }

  /** Line feeds alone: what a server sends while it prepares a stream. */
  skipKeepAlives(): void {
    let at = 0;
    while (this.#bytes[at] === 0x0a) at += 1;
    this.#bytes = this.#bytes.subarray(at);
  }

  /** One whole reply, or undefined when it is not there yet. */
  takeReply(): Reply | undefined {
    const parsed = parseReply(this.#bytes, 0);
    if (parsed === undefined) return undefined;
    this.#bytes = this.#bytes.subarray(parsed.end);
    return parsed.reply;
  }

  /** All that is left. */
  takeRest(): Buffer {
    const rest = this.#bytes;
    this.#bytes = Buffer.alloc(0);
    return rest;
  }
}

interface Parsed {
  readonly reply: Reply;
  readonly end: number;
}

function parseReply(bytes: Buffer, at: number): Parsed | undefined {
  const lineEnd = bytes.indexOf(LINE_END, at);
  if (lineEnd < 0) return undefined;
  const text = bytes.toString("utf8", at + 1, lineEnd);
  const end = lineEnd + LINE_END.length;
  const kind = String.fromCharCode(bytes[at] ?? 0);
  if (kind === "+") return { reply: text, end };
  if (kind === "-") return { reply: new ReplyError(text), end };
  if (kind === ":") return { reply: Number(text), end };
  if (kind === "$") return parseBulk(bytes, end, Number(text));
  if (kind === "*") return parseArray(bytes, end, Number(text));
  throw protocolFault(JSON.stringify(bytes.toString("latin1", at, at + 20)));
}

function parseBulk(bytes: Buffer, at: number, length: number): Parsed | undefined {
  if (length < 0) return { reply: null, end: at };
  const end = at + length;
  if (bytes.length < end + LINE_END.length) return undefined;
  return { reply: Buffer.from(bytes.subarray(at, end)), end: end + LINE_END.length };
}

function parseArray(bytes: Buffer, at: number, length: number): Parsed | undefined {
  if (length < 0) return { reply: null, end: at };
  const replies: Reply[] = [];
  let end = at;
  for (let left = length; left > 0; left--) {
    const parsed = parseReply(bytes, end);
    if (parsed === undefined) return undefined;
    replies.push(parsed.reply);
    end = parsed.end;
  }
  return { reply: replies, end };
}

function protocolFault(got: string): SourceError {
  return new SourceError(
    "UNSUPPORTED",
    `The server answered ${got}, expected the protocol of Redis. Check the source's host and port.`,
  );
}
