import { expect, it } from "vitest";
import { Crc64 } from "../../../lambda/engine/stream/crc64.ts";

const digestOf = (name: "xz" | "jones", ...pieces: readonly string[]) => {
  const crc = new Crc64(name);
  for (const piece of pieces) crc.update(Buffer.from(piece));
  return crc.digest().toString(16);
};

it("gives the check values that the two variants are published with", () => {
  expect(digestOf("xz", "123456789")).toBe("995dc9bbdf1939fa");
  expect(digestOf("jones", "123456789")).toBe("e9c6d914c4b8d9ca");
});

it("gives the same however the bytes are cut", () => {
  const text = "a text that is longer than eight bytes";
  expect(digestOf("jones", text.slice(0, 13), text.slice(13))).toBe(digestOf("jones", text));
});

it("gives the same wherever in memory the bytes begin", () => {
  const bytes = Buffer.from("a text that is longer than eight bytes, and is read by words");
  const crc = new Crc64("jones");
  crc.update(bytes);
  for (let place = 0; place < 9; place++) {
    const moved = Buffer.from(new ArrayBuffer(bytes.length + place), place);
    bytes.copy(moved);
    const other = new Crc64("jones");
    other.update(moved);
    expect(other.digest()).toBe(crc.digest());
  }
});

it("tells one changed byte", () => {
  expect(digestOf("jones", "12345678x")).not.toBe(digestOf("jones", "123456789"));
});
