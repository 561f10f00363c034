import { IntegrityError } from "../model/errors.ts";

/** Passes a stream on, and tells how it ended: whole, by a failure, or left by its reader. */
export async function* settle(
  source: AsyncIterable<Uint8Array>,
  onEnd: () => void,
  resolve: () => void = () => {},
  reject: (error: unknown) => void = () => {},
): AsyncGenerator<Uint8Array> {
  let isWhole = false;
  try {
    yield* source;
    onEnd();
    isWhole = true;
    resolve();
  } catch (error) {
    reject(error);
    throw error;
  } finally {
    if (!isWhole) reject(new IntegrityError("STREAM_TRUNCATED", "A pack was not read to its end."));
  }
}
