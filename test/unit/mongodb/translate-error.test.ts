import { describe, expect, it } from "vitest";
import { IntegrityError } from "../../../lambda/engine/model/errors.ts";
import { translateError } from "../../../lambda/engine/mongodb/translate-error.ts";

const driverError = (name: string, message: string, code?: number) =>
  Object.assign(new Error(message), { name, ...(code === undefined ? {} : { code }) });

describe("an error of the driver", () => {
  it.each([
    ["UNREACHABLE", driverError("MongoServerSelectionError", "connect ECONNREFUSED 127.0.0.1:1")],
    ["AUTH_FAILED", driverError("MongoServerError", "Authentication failed.", 18)],
    ["CONNECTION_LOST", driverError("MongoNetworkError", "connection 3 to 127.0.0.1:1 closed")],
    ["TIMED_OUT", driverError("MongoServerError", "operation exceeded time limit", 50)],
    ["DISK_FULL", driverError("MongoServerError", "WT_SESSION: No space left on device")],
    ["OPLOG_GAP", driverError("MongoServerError", "CollectionScan died due to position in capped", 136)],
    ["UNHEALTHY", driverError("MongoServerError", "collection dropped", 175)],
    ["AUTH_FAILED", driverError("MongoServerError", "not authorized on admin to execute command", 13)],
    ["COMMAND_FAILED", driverError("MongoServerError", "something new", 99_999)],
    ["COMMAND_FAILED", driverError("MongoServerError", "no snapshot of erp.authors is left", 246)],
  ])("leaves as %s, with what failed and its cause", (code, cause) => {
    const error = translateError(cause, "Reading erp.invoices");
    expect(error).toMatchObject({ name: "SourceError", code, cause });
    expect(error.message).toContain("Reading erp.invoices failed: ");
  });

  it("does not repeat the documents of a command that was not allowed, and says what to grant", () => {
    const text =
      'not authorized on admin to execute command { applyOps: [ { op: "i", o: { iban: "DE00" } } ] }';
    const { message } = translateError(driverError("MongoServerError", text, 13), "Replaying");
    expect(message).toContain("not authorized on admin to execute the command applyOps. ");
    expect(message).toContain("examples/mongodb-users.js");
    expect(message).not.toContain("DE00");
  });

  it.each([
    [10107, "finds the new primary"],
    [18, "password secret"],
  ])("of the server's code %i says what to do", (code, remedy) => {
    expect(translateError(driverError("MongoServerError", "no", code), "Writing").message).toContain(remedy);
  });

  it.each([
    "self-signed certificate in certificate chain",
    "Hostname/IP does not match certificate's altnames",
  ])("that speaks of TLS (%s) says what to correct", (text) => {
    const error = translateError(driverError("MongoServerSelectionError", text), "The connection");
    expect(error).toMatchObject({ code: "UNREACHABLE", message: expect.stringContaining("tls.ca") });
  });

  it("that is one of the estate already stays itself", () => {
    const own = new IntegrityError("MALFORMED", "no document");
    expect(translateError(own, "Reading")).toBe(own);
  });
});
