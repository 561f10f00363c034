const NEWLINE = 0x0a;

/**
 * The lines of a stream, without their ends. `limitBytes` bounds what is held of one; `fault` makes the error that is
 * thrown for a longer one, and for a last one that does not end.
 */
export async function* splitLines(
  source: AsyncIterable<Uint8Array>,
  limitBytes: number,
  fault: (why: string) => Error,
): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    const bytes = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      yield bytes.subarray(start, end);
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (rest.length > limitBytes) throw fault(`it has a line of more than ${limitBytes} bytes`);
  }
  if (rest.length > 0) throw fault("its last line does not end");
}
