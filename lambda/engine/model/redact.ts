const SECRET_KEY =
  /pass(word|phrase)?$|secret$|privatekey|private_key|authorization|credential|^token$|taskToken/i;
const URI_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):([^\s@/]+)@/gi;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g;
const DEPTH_LIMIT = 8;
const HIDDEN = "[redacted]";

/**
 * Makes a value fit for logs, errors and records: passwords in URIs, private keys and values under
 * secret-looking names are replaced. Returns plain JSON; repeatable.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string")
    return value.replace(PRIVATE_KEY, HIDDEN).replace(URI_PASSWORD, `$1:${HIDDEN}@`);
  if (typeof value === "bigint") return value.toString();
  if (value === null || typeof value !== "object") return value;
  if (depth >= DEPTH_LIMIT) return "[deep]";
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Error) return { name: value.name, message: redact(value.message, depth + 1) };
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      SECRET_KEY.test(key) ? HIDDEN : redact(item, depth + 1),
    ]),
  );
}
