import { describe, expect, it } from "vitest";
import { Cancelled, IntegrityError } from "../../../lambda/engine/model/errors.ts";
import { translateS3Error } from "../../../lambda/engine/vault/s3-errors.ts";

const call = { action: "read", bucket: "vault", key: "data/x" };
const sdkError = (name: string, status?: number, code?: string) =>
  Object.assign(new Error("as S3 says it"), { name, code, $metadata: { httpStatusCode: status } });

describe("translateS3Error", () => {
  it.each([
    [sdkError("NoSuchKey", 404), "NOT_FOUND"],
    [sdkError("NoSuchVersion", 404), "NOT_FOUND"],
    [sdkError("AccessDenied", 403), "ACCESS_DENIED"],
    [sdkError("KMS.DisabledException", 400), "ACCESS_DENIED"],
    [sdkError("CredentialsProviderError"), "ACCESS_DENIED"],
    [sdkError("InvalidObjectState", 403), "ARCHIVED"],
    [sdkError("PreconditionFailed", 412), "CHANGED"],
    [sdkError("ConditionalRequestConflict", 409), "CHANGED"],
    [sdkError("SlowDown", 503), "UNAVAILABLE"],
    [sdkError("InternalError", 500), "UNAVAILABLE"],
    [sdkError("Unknown", 502), "UNAVAILABLE"],
    [sdkError("TimeoutError"), "UNAVAILABLE"],
    [sdkError("Error", undefined, "ECONNRESET"), "UNAVAILABLE"],
    [sdkError("Error", undefined, "ECONNREFUSED"), "UNAVAILABLE"],
    [sdkError("NoSuchBucket", 404), "UNEXPECTED"],
    [sdkError("InvalidRequest", 400), "UNEXPECTED"],
    ["a string", "UNEXPECTED"],
  ])("makes of %s a VaultError %s that names the object", (error, code) => {
    expect(translateS3Error(error, call)).toMatchObject({
      name: "VaultError",
      code,
      message: expect.stringContaining("data/x in vault"),
    });
  });

  it.each([
    [sdkError("NoSuchBucket", 404), "Correct the bucket's name"],
    [sdkError("CredentialsProviderError"), "sign in"],
    [new Error("Region is missing"), "AWS_REGION"],
    [sdkError("InvalidRequest", 400), "report it with its request id"],
  ])("says of %s what to do", (error, remedy) => {
    expect(translateS3Error(error, call).message).toContain(remedy);
  });

  it("calls a wrong checksum a matter of integrity", () => {
    expect(translateS3Error(sdkError("BadDigest", 400), call)).toMatchObject({
      name: "IntegrityError",
      code: "DIGEST_MISMATCH",
    });
  });

  it("passes errors of the estate on as they are", () => {
    const error = new IntegrityError("MALFORMED", "m");
    expect(translateS3Error(error, call)).toBe(error);
  });

  it("calls whatever follows an abort Cancelled, with the reason of the abort", () => {
    const aborted = { ...call, signal: AbortSignal.abort() };
    expect(translateS3Error(sdkError("AbortError"), aborted)).toMatchObject({ name: "Cancelled" });
    const reason = new Cancelled("CLAIM_LOST", "gone");
    const lost = { ...call, signal: AbortSignal.abort(reason) };
    expect(translateS3Error(sdkError("AbortError"), lost)).toBe(reason);
  });
});
