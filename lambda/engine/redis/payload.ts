import { closeSync, createReadStream, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Crc64 } from "../stream/crc64.ts";

/** Longer values wait on disk: a command needs its size before its bytes. */
const MEMORY_BYTES = 8 * 1024 * 1024;
const VERSION_BYTES = 2;
const FOOTER_BYTES = VERSION_BYTES + 8;

/** What RESTORE takes: the value as the RDB has it, after its encoding's byte, with version and CRC-64 behind. */
export class RestorePayload implements Disposable {
  readonly #crc = new Crc64("jones");
  readonly #chunks: Buffer[] = [];
  readonly #version: number;
  #file: { readonly folder: string; readonly path: string; readonly descriptor: number } | undefined;
  #held = 0;
  #bytes = 0;

  constructor(encoding: number, version: number) {
    this.#version = version;
    this.add(Buffer.of(encoding));
  }

  add(bytes: Buffer): void {
    this.#crc.update(bytes);
    this.#bytes += bytes.length;
    if (this.#file !== undefined) {
      writeSync(this.#file.descriptor, bytes);
      return;
    }
    this.#chunks.push(bytes);
    this.#held += bytes.length;
    if (this.#held > MEMORY_BYTES) this.#spool();
  }

  /** With its footer. */
  get bytes(): number {
    return this.#bytes + FOOTER_BYTES;
  }

  /** All of it, for a value that is held in memory. */
  async *read(): AsyncGenerator<Buffer> {
    if (this.#file === undefined) yield* this.#chunks;
    else yield* createReadStream(this.#file.path) as AsyncIterable<Buffer>;
    yield this.#footer();
  }

  [Symbol.dispose](): void {
    if (this.#file === undefined) return;
    closeSync(this.#file.descriptor);
    rmSync(this.#file.folder, { recursive: true, force: true });
  }

  #footer(): Buffer {
    const version = Buffer.alloc(VERSION_BYTES);
    version.writeUInt16LE(this.#version);
    this.#crc.update(version);
    const footer = Buffer.alloc(FOOTER_BYTES);
    version.copy(footer);
    footer.writeBigUInt64LE(this.#crc.digest(), VERSION_BYTES);
    return footer;
  }

  #spool(): void {
    const folder = mkdtempSync(join(tmpdir(), "backup-estate-value-"));
    const path = join(folder, "value");
    const descriptor = openSync(path, "wx", 0o600);
    for (const chunk of this.#chunks) writeSync(descriptor, chunk);
    this.#chunks.length = 0;
    this.#file = { folder, path, descriptor };
  }
}
