import { ObjectId } from "mongodb";
import { describe, expect, it } from "vitest";
import { findBreak } from "../../../lambda/engine/mongodb/watch-member.ts";

const process = new ObjectId();
const server = (type: string, primary: string | null = "a:1", processId = process) =>
  ({ type, me: "b:1", primary, topologyVersion: { processId, counter: 1 } }) as never;

describe("what a server says", () => {
  it("goes together with what it said before, also when it became primary or secondary meanwhile", () => {
    expect(findBreak(server("RSSecondary"), server("RSPrimary", "b:1"))).toBeUndefined();
    expect(findBreak(server("RSPrimary", "b:1"), server("RSSecondary"))).toBeUndefined();
    expect(findBreak(server("Standalone", null), server("Standalone", null))).toBeUndefined();
  });

  it("does not after another process took its place", () => {
    const anew = server("RSSecondary", "a:1", new ObjectId());
    expect(findBreak(server("RSSecondary"), anew)).toContain("started anew");
  });

  it("does not after a rollback, but while a member takes its office or lays it down it does", () => {
    expect(findBreak(server("RSSecondary"), server("RSOther", "a:1"))).toContain(
      "neither primary nor secondary",
    );
    expect(findBreak(server("RSSecondary"), server("RSOther", "b:1"))).toBeUndefined();
    expect(findBreak(server("RSPrimary", "b:1"), server("RSOther", null))).toBeUndefined();
    expect(findBreak(server("RSOther", "a:1"), server("RSOther", "a:1"))).toBeUndefined();
  });
});
