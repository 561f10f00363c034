import { describe, expect, it } from "vitest";
import { mongodb } from "../../../lambda/engine/sources/mongodb.ts";
import { makeContext } from "../../support/mongodb.ts";

const READ = { user: "reads", passwordSecret: "for-reading" };
const BOTH = { ...READ, restoreUser: "restores", restorePasswordSecret: "for-restoring" };

/** The name of the secret that opening asks for; the connection itself fails, as nothing listens. */
async function askedFor(own: object, purpose: "read" | "write"): Promise<string[]> {
  const asked: string[] = [];
  const config = mongodb.config.parse({ reach: { via: "direct", host: "127.0.0.1", port: 1 }, ...own });
  const stop = new Error("the secret was asked for");
  const secret = async (name: string) => {
    asked.push(name);
    throw stop;
  };
  const context = { ...makeContext(new AbortController().signal), secret };
  await expect(mongodb.open(config, context, purpose)).rejects.toBe(stop);
  return asked;
}

describe("MongoDB is opened", () => {
  it("to be written as the user who restores, and to be read never as that one", async () => {
    expect(await askedFor(BOTH, "write")).toEqual(["for-restoring"]);
    expect(await askedFor(BOTH, "read")).toEqual(["for-reading"]);
  });

  it("for everything as its one user where there is no other", async () => {
    expect(await askedFor(READ, "write")).toEqual(["for-reading"]);
  });

  it.each([{ restoreUser: "restores" }, { restorePasswordSecret: "for-restoring" }])(
    "only when who restores has both a name and a secret: %o",
    (half) => {
      const parsed = mongodb.config.safeParse({ reach: { via: "direct", host: "h" }, ...READ, ...half });
      expect(parsed.error?.issues[0]?.path).toEqual(["restorePasswordSecret"]);
    },
  );
});
