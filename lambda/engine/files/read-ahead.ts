export interface Prepared<Item, Result> {
  readonly item: Item;
  readonly result: Promise<Result>;
}

/**
 * The items in their order, each with work that was begun while up to `limit` − 1 before it were still used, so that
 * one answer of the host does not wait for the last one.
 */
export async function* readAhead<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  limit: number,
  begin: (item: Item) => Promise<Result>,
): AsyncGenerator<Prepared<Item, Result>> {
  const ready: Prepared<Item, Result>[] = [];
  for await (const item of items) {
    const result = begin(item);
    // Heard when it is its turn; until then, or for ever after an abort, nobody listens.
    result.catch(() => undefined);
    ready.push({ item, result });
    const first = ready.length >= limit ? ready.shift() : undefined;
    if (first !== undefined) yield first;
  }
  yield* ready;
}
