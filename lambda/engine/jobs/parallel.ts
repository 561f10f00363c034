/**
 * Runs `work` on every item, at most `limit` at once; the next item is asked for when one is done. The first
 * failure aborts the others, all are waited for, then it is thrown. Results come in the order of the items.
 */
export async function mapParallel<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  limit: number,
  signal: AbortSignal,
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
): Promise<Result[]> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const aborted = rejectOnAbort(either);
  const results: Result[] = [];
  const { next, stop } = takeInTurn(items);
  const worker = async () => {
    for (;;) {
      const taken = await Promise.race([next(), aborted]);
      if (taken === undefined) return;
      results[taken.index] = await work(taken.item, either);
    }
  };
  const guarded = () =>
    worker().catch((error: unknown) => {
      failed.abort(error);
      throw error;
    });
  const ended = await Promise.allSettled(Array.from({ length: limit }, guarded));
  if (ended.every((one) => one.status === "fulfilled")) return results;
  stop();
  throw either.reason;
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  if (signal.aborted) reject(signal.reason);
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return promise;
}

/** One `next()` at a time: not every iterator queues calls as generators do. */
function takeInTurn<Item>(items: AsyncIterable<Item> | Iterable<Item>) {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let turn: Promise<unknown> = Promise.resolve();
  let index = 0;
  const take = async () => {
    const taken = await iterator.next();
    return taken.done === true ? undefined : { index: index++, item: taken.value };
  };
  return {
    next() {
      const mine = turn.then(take);
      turn = mine.catch(() => undefined);
      return mine;
    },
    /** Not waited for: a source that is stuck would hold up the failure. */
    stop() {
      void Promise.resolve(iterator.return?.()).catch(() => undefined);
    },
  };
}
