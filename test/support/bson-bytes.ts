/** BSON by hand, after bsonspec.org: what no driver writes. Shares nothing with the engine. */
export type Field = readonly [type: number, name: string | Uint8Array, value: Uint8Array];

export const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};
export const int64 = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
};
export const double = (value: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
};
export const text = (value: string | Uint8Array) => {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([int32(bytes.length + 1), bytes, Buffer.of(0)]);
};
export const binary = (subtype: number, bytes: Uint8Array) =>
  Buffer.concat([int32(bytes.length), Buffer.of(subtype), bytes]);
export const hex = (value: string) => Buffer.from(value.replaceAll(" ", ""), "hex");
export const NOTHING = Buffer.alloc(0);

/** A document of these fields, in this order, as often as they are named. */
export function doc(...fields: readonly Field[]): Buffer {
  const body = fields.map(([type, name, value]) =>
    Buffer.concat([Buffer.of(type), Buffer.from(name as string), Buffer.of(0), value]),
  );
  const length = 4 + body.reduce((sum, part) => sum + part.length, 0) + 1;
  return Buffer.concat([int32(length), ...body, Buffer.of(0)]);
}

/** A document inside a document, so many times. */
export function nested(depth: number, inner: Buffer = doc()): Buffer {
  let made = inner;
  for (let at = 0; at < depth; at += 1) made = doc([0x03, "d", made]);
  return made;
}
