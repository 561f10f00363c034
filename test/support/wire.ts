import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { BSON, type Document } from "mongodb";

const OP_MSG = 2013;
const HEADER_BYTES = 16;
const KIND_BODY = 0;
const KIND_SEQUENCE = 1;

/**
 * Inserts documents as the bytes that they are, past every driver: it would change some of them, and refuse others.
 * Judges nothing of them; answers what the server says.
 */
export async function insertBytes(
  uri: string,
  database: string,
  collection: string,
  documents: readonly Uint8Array[],
): Promise<Document> {
  const { hostname, port } = new URL(uri);
  const socket = connect(Number(port), hostname);
  try {
    await once(socket, "connect");
    const reply = readReply(socket);
    socket.write(makeMessage({ insert: collection, ordered: false, $db: database }, documents));
    return await reply;
  } finally {
    socket.destroy();
  }
}

function makeMessage(body: Document, documents: readonly Uint8Array[]): Buffer {
  const name = Buffer.from("documents\0");
  const size = Buffer.alloc(4);
  size.writeInt32LE(4 + name.length + documents.reduce((sum, { length }) => sum + length, 0));
  const parts = [
    Buffer.alloc(HEADER_BYTES + 4),
    Buffer.of(KIND_BODY),
    BSON.serialize(body),
    Buffer.of(KIND_SEQUENCE),
    size,
    name,
    ...documents,
  ];
  const message = Buffer.concat(parts);
  message.writeInt32LE(message.length, 0);
  message.writeInt32LE(1, 4);
  message.writeInt32LE(OP_MSG, 12);
  return message;
}

async function readReply(socket: Socket): Promise<Document> {
  let held = Buffer.alloc(0);
  for await (const chunk of socket) {
    held = Buffer.concat([held, chunk]);
    if (held.length >= HEADER_BYTES && held.length >= held.readInt32LE(0))
      return BSON.deserialize(held.subarray(HEADER_BYTES + 5, held.readInt32LE(0)));
  }
  throw new Error("the server closed the connection without an answer");
}
