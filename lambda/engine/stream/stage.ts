import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { IntegrityError, throwIfAborted } from "../model/errors.ts";

export type Bytes = AsyncIterable<Uint8Array>;

/** A pure byte stage. Ending its output early ends its input; an error on either side reaches the other. */
export type Stage = (source: Bytes) => Bytes;

/** `source` through `stages`, first to last. */
export function chain(source: Bytes, ...stages: readonly Stage[]): Bytes {
  return stages.reduce((bytes, stage) => stage(bytes), source);
}

/**
 * Ends with `Cancelled` as soon as `signal` aborts, even while the source is stuck in a read; the source's
 * `return()` is called then, but not waited for. Where a source does not heed the signal by itself this belongs right
 * behind it: a generator in between that is stuck in a read cannot be closed.
 */
export function untilAborted(signal: AbortSignal): Stage {
  return async function* untilAbortedStage(source) {
    throwIfAborted(signal);
    const iterator = source[Symbol.asyncIterator]();
    let live = true;
    try {
      while (true) {
        throwIfAborted(signal);
        const next = await nextOrAborted(iterator, signal);
        throwIfAborted(signal);
        live = next.done !== true;
        if (next.done === true) return;
        yield next.value;
      }
    } catch (error) {
      throwIfAborted(signal);
      live = false;
      throw error;
    } finally {
      if (live) await finish(iterator, signal);
    }
  };
}

/** Each read has a promise of its own: one that lived as long as the stream would hold on to every chunk raced with it. */
function nextOrAborted(
  iterator: AsyncIterator<Uint8Array>,
  signal: AbortSignal,
): Promise<IteratorResult<Uint8Array>> {
  const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<Uint8Array>>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  iterator.next().then(resolve, reject);
  return promise.finally(() => signal.removeEventListener("abort", onAbort));
}

async function finish(iterator: AsyncIterator<Uint8Array>, signal: AbortSignal): Promise<void> {
  const returned = iterator.return?.();
  if (!signal.aborted) await returned;
  else returned?.catch(() => undefined);
}

/**
 * Runs the source through a node stream; both are closed when the output ends, however it ends. Throws
 * `IntegrityError` TRAILING_BYTES when the stream ends by itself before its input does.
 */
export function throughStream(makeStream: () => Duplex, signal: AbortSignal): Stage {
  return async function* throughStreamStage(source) {
    const stream = makeStream();
    const done = pipeline(untilAborted(signal)(source), stream, { signal });
    done.catch(() => undefined);
    try {
      yield* stream as AsyncIterable<Uint8Array>;
      // A decoder that saw its end never takes the rest, so waiting for the pipeline could last for ever.
      if (stream.writableLength > 0) throw endedEarly(stream.writableLength);
      await done;
    } catch (error) {
      throwIfAborted(signal);
      throw error;
    } finally {
      stream.destroy();
      await done.catch(() => undefined);
    }
  };
}

function endedEarly(unreadBytes: number): IntegrityError {
  return new IntegrityError(
    "TRAILING_BYTES",
    `The stored stream goes on for ${unreadBytes} bytes or more after its end. Take another recovery point.`,
    { facts: { unreadBytes } },
  );
}
