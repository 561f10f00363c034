import type { BSON, MongoClient, MongoClientOptions } from "mongodb";
import { readElements, TYPE } from "./bson.ts";

interface DocumentSequence {
  push(document: object, bytes: Uint8Array): number;
}
interface Driver {
  readonly MongoClient: new (uri: string, options: MongoClientOptions) => MongoClient;
  readonly BSON: typeof BSON;
}
interface Commands {
  readonly DocumentSequence: new (field: string) => DocumentSequence;
}

/** The driver, and the ways to send bytes through it that it neither decodes nor encodes. */
export interface RawDriver extends Driver {
  /** The value of a command's field `field`: `documents` stand one behind the other in it. */
  makeSequence(field: string, documents: Uint8Array): object;
  /** A value of a command's field: the document or array (`type`) whose bytes these are. */
  embed(bytes: Uint8Array, type?: number): object;
  /** The fields of a document as fields of a command, each value as it is. */
  spread(document: Buffer): Record<string, object>;
}

/**
 * Loads the driver. It has no public way to send documents as bytes; two private ones are used, and only here:
 * its `DocumentSequence` (section kind 1 of an OP_MSG) and the serializer's call to `serializeInto`.
 * `test/unit/mongodb/raw-driver.test.ts` pins both.
 */
export async function loadRawDriver(): Promise<RawDriver> {
  const driver = (await import("mongodb")) as unknown as Driver;
  const path = "mongodb/lib/cmap/commands.js";
  const commands = (await import("mongodb/lib/cmap/commands.js" as typeof path)) as unknown as Commands & {
    readonly default?: Commands;
  };
  const { DocumentSequence } = commands.default ?? commands;
  return {
    MongoClient: driver.MongoClient,
    BSON: driver.BSON,
    makeSequence: (field, documents) => {
      const sequence = new DocumentSequence(field);
      sequence.push({}, documents);
      return sequence;
    },
    embed: (bytes, type = TYPE.document) => embed(driver.BSON, bytes, type),
    spread: (document) =>
      Object.fromEntries(
        [...readElements(document)].map(({ name, type, value, end }) => [
          name,
          embed(driver.BSON, document.subarray(value, end), type),
        ]),
      ),
  };
}

/**
 * The serializer writes an ObjectId by asking it to write itself, and goes on where that ended. One that writes
 * other bytes is any value at all, after it has corrected the type byte before its name.
 */
function embed(bson: typeof BSON, bytes: Uint8Array, type: number): object {
  return Object.assign(new bson.ObjectId(), {
    serializeInto(buffer: Uint8Array, index: number): number {
      buffer[buffer.lastIndexOf(TYPE.objectId, index - 2)] = type;
      buffer.set(bytes, index);
      return bytes.length;
    },
  });
}
