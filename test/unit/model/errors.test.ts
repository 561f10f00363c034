import { describe, expect, it } from "vitest";
import {
  Cancelled,
  ConfigError,
  EstateError,
  IntegrityError,
  invariant,
  RefusedError,
  SourceError,
  throwIfAborted,
  VaultError,
} from "../../../lambda/engine/model/errors.ts";

describe("the errors of the estate", () => {
  it.each([
    ["ConfigError", new ConfigError("INVALID_CONFIG", "m")],
    ["SourceError", new SourceError("UNREACHABLE", "m")],
    ["VaultError", new VaultError("UNAVAILABLE", "m")],
    ["IntegrityError", new IntegrityError("DIGEST_MISMATCH", "m")],
    ["RefusedError", new RefusedError("NOT_APPROVED", "m")],
    ["Cancelled", new Cancelled("ABORTED", "m")],
  ])("%s carries its literal name, which state machines match", (name, error) => {
    expect(error.name).toBe(name);
    expect(error).toBeInstanceOf(EstateError);
    expect(error).toBeInstanceOf(Error);
  });

  it("keeps the cause and makes plain JSON of the facts", () => {
    const cause = new Error("socket");
    const error = new VaultError("UNAVAILABLE", "m", { cause, facts: { bytes: 5n, at: new Date(0) } });
    expect(error.cause).toBe(cause);
    expect(JSON.parse(JSON.stringify(error.facts))).toEqual({ bytes: "5", at: "1970-01-01T00:00:00.000Z" });
  });
});

describe("throwIfAborted", () => {
  it("does nothing while nobody asked to stop", () => {
    expect(() => throwIfAborted(new AbortController().signal)).not.toThrow();
  });

  it("makes Cancelled of a plain abort and keeps its reason", () => {
    const reason = new Error("Ctrl-C");
    expect(() => throwIfAborted(AbortSignal.abort(reason))).toThrow(
      expect.objectContaining({ name: "Cancelled", code: "ABORTED", cause: reason }),
    );
  });

  it("throws a reason that is an error of the estate as it is", () => {
    const reason = new Cancelled("TOKEN_LOST", "gone");
    expect(() => throwIfAborted(AbortSignal.abort(reason))).toThrow(reason);
  });
});

describe("invariant", () => {
  it("passes what is true and calls what is false a bug", () => {
    expect(() => invariant(true, "never")).not.toThrow();
    expect(() => invariant(0, "zero is false")).toThrow(/bug in backup-estate: zero is false/);
  });
});
