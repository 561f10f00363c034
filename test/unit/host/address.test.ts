import { describe, expect, it } from "vitest";
import { formatAddress, parseAddress } from "../../../lambda/engine/host/address.ts";

describe("an address", () => {
  it.each([
    ["db1:27017", { host: "db1", port: 27017 }],
    ["DB1.Example.com:1", { host: "db1.example.com", port: 1 }],
    ["10.0.0.1:65535", { host: "10.0.0.1", port: 65535 }],
    ["[::1]:27017", { host: "::1", port: 27017 }],
    ["my_mongo-1:27018", { host: "my_mongo-1", port: 27018 }],
  ])("%s is read, and written the same", (text, address) => {
    expect(parseAddress(text)).toEqual(address);
    expect(formatAddress(address)).toBe(text.toLowerCase());
  });

  it.each([
    "db1",
    "db1:",
    ":27017",
    "db1:0",
    "db1:65536",
    "db1:27017/admin",
    "user@db1:27017",
    "user:word@db1:27017",
    "db1:27017,db2:27017",
    "::1:27017",
    "[db1]:27017",
    "db1:27017?tls=false",
    "db 1:27017",
    "-db1:27017",
  ])("%s is none", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});
