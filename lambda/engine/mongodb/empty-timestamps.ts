import type { Document, MongoClient } from "mongodb";
import { IntegrityError } from "../model/errors.ts";
import { readElements, TYPE } from "./bson.ts";
import type { Connection } from "./connect.ts";
import { type Namespace, nameOf } from "./names.ts";
import type { DocumentBatch } from "./split-documents.ts";

/** "Unknown field" of a command, from the server's error_codes.yml. */
const UNKNOWN_FIELD = 40415;
const EMPTY = Buffer.alloc(8);
/** Servers that were found not to know the option; asked once for each connection. */
const replacing = new WeakSet<MongoClient>();

/**
 * Sends an insert that keeps empty timestamps. Left to itself a server writes the time of now over those among a
 * document's top fields. Releases from before 2024 cannot be told not to: `IntegrityError` WRITE_ERRORS for a
 * batch that holds one, before it is sent. `command` makes the command anew for each attempt.
 */
export async function insertKeepingTimestamps(
  { client, run }: Pick<Connection, "client" | "run">,
  namespace: Namespace,
  batch: DocumentBatch,
  command: () => Document,
): Promise<Document> {
  const what = `Writing ${nameOf(namespace)}`;
  const send = (more: Document) =>
    run(what, () => client.db(namespace.database).command({ ...command(), ...more }));
  if (!replacing.has(client)) {
    const reply = await send({ bypassEmptyTsReplacement: true }).catch((error: unknown) => {
      if (!isUnknownField(error)) throw error;
    });
    if (reply !== undefined) return reply;
    replacing.add(client);
  }
  checkNone(namespace, batch);
  return send({});
}

function isUnknownField(error: unknown): boolean {
  return error instanceof Error && (error.cause as { code?: number } | undefined)?.code === UNKNOWN_FIELD;
}

function checkNone(namespace: Namespace, { bytes, ends }: DocumentBatch): void {
  for (const index of ends.keys())
    for (const { type, name, value, end } of readElements(bytes, ends[index - 1] ?? 0))
      if (type === TYPE.timestamp && name !== "_id" && bytes.subarray(value, end).equals(EMPTY))
        throw new IntegrityError(
          "WRITE_ERRORS",
          `A document of ${nameOf(namespace)} has an empty timestamp in its field ${name}; the target's release would write its own time over it. The target is not a copy of the backup: do not use it. Restore onto a newer release of the same version.`,
          { facts: { namespace: nameOf(namespace), field: name } },
        );
}
