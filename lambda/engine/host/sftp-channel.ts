import type { ClientChannel } from "ssh2";
import { SourceError, throwIfAborted } from "../model/errors.ts";
import { encodePacket, FieldReader, type Fields, PACKET } from "./sftp-codec.ts";
import type { SshConnection } from "./ssh-connection.ts";

/** No answer is larger: reads ask for half of it. Source: OpenSSH, sftp-common.h, SFTP_MAX_MSG_LENGTH. */
const PACKET_BYTES_LIMIT = 256 * 1024;
const VERSION = 3;
/** Not worth to be copied to be sent together with others. */
const LARGE_PACKET_BYTES = 8 * 1024;

export interface Answer {
  readonly type: number;
  readonly fields: FieldReader;
}

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/**
 * Requests and answers of SFTP 3 over one channel; many may be under way, and the server takes them in their order.
 * By hand, as ssh2's own client decodes names as UTF-8, and a name in other bytes could not be opened any more.
 */
export class SftpChannel {
  readonly #channel: ClientChannel;
  readonly #connection: SshConnection;
  readonly #waiting = new Map<number, Waiting>();
  readonly #signal: AbortSignal;
  #extensions: ReadonlySet<string> = new Set();
  #chunks: Buffer[] = [];
  #outbox: Buffer[] = [];
  #bytes = 0;
  #wanted = 4;
  #nextId = 1;
  #ended: unknown;

  private constructor(channel: ClientChannel, connection: SshConnection, signal: AbortSignal) {
    this.#channel = channel;
    this.#connection = connection;
    this.#signal = signal;
    channel.on("data", (chunk: Buffer) => this.#take(chunk));
    channel.on("error", (error: unknown) => this.#end(error));
    channel.once("end", () => this.#end(undefined));
    channel.once("close", () => this.#end(undefined));
    connection.lost.addEventListener("abort", () => this.#end(connection.lost.reason), { once: true });
  }

  /** Starts the host's SFTP server. Throws `SourceError` UNSUPPORTED where it has none, CONNECTION_LOST. */
  static async open(connection: SshConnection, signal: AbortSignal): Promise<SftpChannel> {
    const sftp = new SftpChannel(await connection.subsystem("sftp"), connection, signal);
    const hello = sftp.#await(0);
    // The version stands where all later packets have their id.
    sftp.#channel.write(encodePacket(PACKET.init, VERSION, []));
    const { fields } = await hello;
    const extensions = new Set<string>();
    for (fields.number(); fields.left > 0; fields.bytes()) extensions.add(fields.bytes().toString());
    sftp.#extensions = extensions;
    return sftp;
  }

  get where(): string {
    return this.#connection.where;
  }

  has(extension: string): boolean {
    return this.#extensions.has(extension);
  }

  /**
   * Sends one request; its answer may be a status of failure. What is under way
   * lies in memory, so callers wait for answers before they send more than their window.
   */
  async request(type: number, fields: Fields): Promise<Answer> {
    this.#requireOpen();
    const id = this.#nextId;
    this.#nextId = (this.#nextId % 0xffffffff) + 1;
    const answer = this.#await(id);
    this.#send(encodePacket(type, id, fields));
    return await answer;
  }

  close(): void {
    this.#channel.close();
  }

  /** What is asked for in one turn goes out together: every SSH packet costs a cipher of its own. */
  #send(packet: Buffer): void {
    this.#outbox.push(packet);
    if (this.#outbox.length > 1) return;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    const packets = this.#outbox;
    this.#outbox = [];
    if (this.#ended !== undefined) return;
    let small: Buffer[] = [];
    for (const packet of packets)
      if (packet.length < LARGE_PACKET_BYTES) small.push(packet);
      else {
        this.#write(small);
        this.#write([packet]);
        small = [];
      }
    this.#write(small);
  }

  #write(packets: readonly Buffer[]): void {
    const [only] = packets;
    if (only !== undefined) this.#channel.write(packets.length === 1 ? only : Buffer.concat(packets));
  }

  #await(id: number): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#waiting.set(id, { resolve, reject });
    return promise;
  }

  #requireOpen(): void {
    throwIfAborted(this.#signal);
    if (this.#ended !== undefined) throw this.#ended;
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#wanted) return;
    const gathered = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#bytes);
    const rest = this.#answerAll(gathered);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
  }

  /** Hands every whole packet over, and returns what is left. */
  #answerAll(bytes: Buffer): Buffer {
    let at = 0;
    for (;;) {
      this.#wanted = 4;
      if (bytes.length - at < 4) return bytes.subarray(at);
      const length = bytes.readUInt32BE(at);
      if (length < 5 || length > PACKET_BYTES_LIMIT) {
        this.#end(malformed(this.where, length));
        this.#channel.destroy();
        return Buffer.alloc(0);
      }
      this.#wanted = 4 + length;
      if (bytes.length - at < this.#wanted) return bytes.subarray(at);
      this.#answer(bytes.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
  }

  #answer(packet: Buffer): void {
    const type = packet.readUInt8(0);
    // The very first answer carries a version where all others carry an id.
    const id = type === PACKET.version ? 0 : packet.readUInt32BE(1);
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.resolve({ type, fields: new FieldReader(packet.subarray(type === PACKET.version ? 1 : 5)) });
  }

  #end(cause: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = this.#connection.lost.aborted
      ? this.#connection.lost.reason
      : cause instanceof SourceError
        ? cause
        : serverEnded(this.where, cause);
    const reason = this.#signal.aborted ? this.#signal.reason : this.#ended;
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }
}

function malformed(where: string, length: number): SourceError {
  return new SourceError(
    "UNSUPPORTED",
    `The SFTP server of ${where} sent a packet of ${length} bytes, expected 5 to ${PACKET_BYTES_LIMIT}. A shell profile that prints something is the usual cause; make it silent for logins without a terminal.`,
    { facts: { host: where, length } },
  );
}

function serverEnded(where: string, cause: unknown): SourceError {
  return new SourceError(
    "CONNECTION_LOST",
    `The SFTP server of ${where} ended before the work was done. See sshd's log on the host, and whether the key's command lets SFTP through (docs/host.md); the next run starts anew.`,
    { facts: { host: where }, cause },
  );
}
