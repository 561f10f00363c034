import type { DumpItem, StoredItem } from "../../lambda/engine/sources/source.ts";

/** The items of a dump without a previous backup: none of them can be reused. */
export async function* storedItems(items: AsyncIterable<DumpItem>): AsyncGenerator<StoredItem> {
  for await (const item of items) yield requireStored(item);
}

/** Throws for an item that was taken over from an earlier backup. */
export function requireStored(item: DumpItem): StoredItem {
  if ("body" in item) return item;
  throw new Error(`${item.name} was reused, expected it to be read`);
}
