import { type ObjectStore, startObjectStore } from "../servers/object-store.ts";
import { type Accounting, startAccounting } from "./accounting.ts";
import { fillObjects } from "./objects.ts";

/** What only a rehearsal of everything has: buckets, and an application that gives its data by an API alone. */
export interface Extras {
  readonly objects: ObjectStore;
  readonly accounting: Accounting;
  /** As servers that die, with all that they held. */
  kill(): Promise<void>;
  /** On their ports again, empty. */
  restart(): Promise<void>;
}

/** Starts both, with data; what they keep on a disk lies in `folder`. */
export async function startExtras(folder: string, signal: AbortSignal): Promise<Extras> {
  const accounting = await startAccounting();
  let objects = await startObjectStore(folder, signal);
  await fillObjects(objects);
  return {
    accounting,
    get objects() {
      return objects;
    },
    kill: async () => {
      await accounting.kill();
      await objects.kill();
    },
    restart: async () => {
      await accounting.restart();
      objects = await startObjectStore(folder, signal, objects.port);
    },
  };
}
