import type { Fault } from "./fault.ts";

const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY/;
const URI_PASSWORD = /^[a-z][a-z0-9+.-]*:\/\/[^\s/@:]*:[^\s@/]+@/i;
const COMMAND_PASSWORD = /(^|\s)--?(password|pass|token|api-key)[= ]\S/i;
const CLEAR_NAME = /(^|_)(pass(word|phrase)?|private_?key|secret_?(access_?)?key|api_?key|token)$/i;
/** Source: Secrets Manager API, CreateSecret, "Name"; a colon for ARNs. */
const SECRET_REFERENCE = /^[A-Za-z0-9/_+=.@:-]{1,512}$/;
const DEPTH_LIMIT = 12;

/** Every secret that stands in clear in a document: private keys, passwords of URIs and commands, password fields. */
export function findClearSecrets(value: unknown, path: readonly (string | number)[] = []): Fault[] {
  if (path.length > DEPTH_LIMIT) return [];
  if (Array.isArray(value)) return value.flatMap((item, index) => findClearSecrets(item, [...path, index]));
  if (value !== null && typeof value === "object")
    return Object.entries(value).flatMap(([key, item]) => findClearSecrets(item, [...path, key]));
  const what = nameSecret(value, String(path.at(-1) ?? ""));
  if (what === undefined) return [];
  return [
    {
      path,
      got: `${what} [redacted]`,
      expected: "no secret in this file: only names or ARNs of secrets",
      remedy:
        "Put the value into AWS Secrets Manager, write its name or ARN here (keys that end in Secret), and change the secret, as this file has shown it.",
    },
  ];
}

function nameSecret(value: unknown, key: string): string | undefined {
  if (typeof value === "number" && CLEAR_NAME.test(key)) return `the value of ${key}`;
  if (typeof value !== "string" || value === "") return undefined;
  if (PRIVATE_KEY.test(value)) return "a private key";
  if (URI_PASSWORD.test(value)) return "a URI with a password";
  if (COMMAND_PASSWORD.test(value)) return "a command with a password";
  if (key.endsWith("Secret") && !SECRET_REFERENCE.test(value)) return "what cannot be a secret's name";
  return CLEAR_NAME.test(key) ? `the value of ${key}` : undefined;
}
