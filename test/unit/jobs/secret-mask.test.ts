import { expect, it } from "vitest";
import { SecretMask } from "../../../lambda/engine/jobs/secret-mask.ts";

it.each([
  ["as it is", (secret: string) => secret],
  ["in a URI", encodeURIComponent],
  ["in the JSON of a log line", (secret: string) => JSON.stringify({ secret })],
])("a secret that was read is hidden %s", (_, write) => {
  const secret = 'pa"ss\\wo/rd\nline 2';
  const mask = new SecretMask();
  mask.remember(secret);
  const hidden = mask.hide(`before ${write(secret)} after`);
  expect(hidden).toMatch(/^before .*\[redacted\].* after$/);
  for (const part of ["wo/rd", "wo%2Frd", "line"]) expect(hidden).not.toContain(part);
});

it("what is no secret stays", () => {
  const mask = new SecretMask();
  mask.remember("secret-1");
  expect(mask.hide("a word")).toBe("a word");
});
