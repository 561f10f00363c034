import { describe, expect, test } from "vitest";
import { moveSecret } from "../../../lambda/engine/model/secret-reference.ts";

describe("the copy of a secret in another Region", () => {
  test.each([
    ["erp/host-key", "erp/host-key"],
    [
      "arn:aws:secretsmanager:eu-central-1:111122223333:secret:erp/host-a1b2c3",
      "arn:aws:secretsmanager:eu-west-1:111122223333:secret:erp/host-a1b2c3",
    ],
    [
      "arn:aws-cn:secretsmanager:cn-north-1:111122223333:secret:x",
      "arn:aws-cn:secretsmanager:eu-west-1:111122223333:secret:x",
    ],
    [
      "arn:aws:ssm:eu-central-1:111122223333:parameter/x",
      "arn:aws:ssm:eu-central-1:111122223333:parameter/x",
    ],
  ])("of %s is %s", (reference, copy) => {
    expect(moveSecret(reference, "eu-west-1")).toBe(copy);
  });
});
