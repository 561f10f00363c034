import type { RestoreItem } from "../sources/source.ts";
import { exactly } from "../stream/limits.ts";
import { splitLines } from "../stream/split-lines.ts";

/** How a kind writes its indexes: lines of JSON, of which the first is the head. */
export interface IndexForm<Head extends { readonly part: number }, Entry> {
  /** Begins the names of all indexes. */
  readonly prefix: string;
  readonly lineBytesLimit: number;
  nameOf(part: number): string;
  parseHead(line: Buffer, what: string): Head;
  parseEntry(line: Buffer, what: string): Entry;
  /** Throws where an entry does not follow the one before it, also that of an earlier part. */
  check(entry: Entry, what: string): void;
  malformed(what: string, why: string): Error;
}

/** One index of a backup, whole: a backup has one for every so many entries. */
export interface IndexPart<Head, Entry> {
  readonly head: Head;
  readonly entries: readonly Entry[];
}

/** The indexes of a backup, in order and none left out. Throws `IntegrityError`. */
export async function* readIndexParts<Head extends { readonly part: number }, Entry>(
  items: readonly RestoreItem[],
  form: IndexForm<Head, Entry>,
): AsyncGenerator<IndexPart<Head, Entry>> {
  const indexes = items.filter(({ name }) => name.startsWith(form.prefix));
  let part = 0;
  for (const item of indexes.toSorted((left, right) => (left.name < right.name ? -1 : 1))) {
    part += 1;
    if (item.name !== form.nameOf(part))
      throw form.malformed(item.name, `it stands where part ${part} should`);
    yield await readPart(item, part, form);
  }
  if (part === 0) throw form.malformed("The backup", "it has no index");
}

async function readPart<Head extends { readonly part: number }, Entry>(
  item: RestoreItem,
  part: number,
  form: IndexForm<Head, Entry>,
): Promise<IndexPart<Head, Entry>> {
  const { name, plainBytes } = item;
  let head: Head | undefined;
  const entries: Entry[] = [];
  const fault = (why: string) => form.malformed(name, why);
  for await (const line of splitLines(exactly(plainBytes, name)(item.open()), form.lineBytesLimit, fault)) {
    if (head === undefined) {
      head = form.parseHead(line, name);
      if (head.part !== part) throw fault(`it says that it is part ${head.part}`);
    } else {
      const entry = form.parseEntry(line, name);
      form.check(entry, name);
      entries.push(entry);
    }
  }
  if (head === undefined) throw fault("it is empty");
  return { head, entries };
}

/** How artifacts of a dump are numbered, so that names sort as numbers do. */
export function numberOf(part: number): string {
  return String(part).padStart(6, "0");
}
