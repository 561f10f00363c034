const SECRET_NAME =
  "pass(?:word|phrase|wd)?|pwd|secret|secret_?access_?key|session_?token|security_?token|auth_?token|access_?token|task_?token|api_?key|private_?key|x-amz-(?:signature|security-token|credential)|aws_(?:secret_access_key|session_token)";

/** Names of fields whose value is never shown, whatever it is. */
const SECRET_FIELD = new RegExp(
  `pass(word|phrase|wd)?$|^pwd$|secret$|private_?key|access_?key(_?id)?$|api_?key$|authorization|^cookie$|credential|signature$|token$|${SECRET_NAME}`,
  "i",
);

/** Places inside texts, each with what is left of it. */
const SECRET_TEXTS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, "[redacted]"],
  // Up to the last @ of the authority: passwords are pasted unescaped, too.
  [/\b([a-z][a-z0-9+.-]{0,30}:\/\/[^\s:/@]*):([^\s/]+)@/gi, "$1:[redacted]@"],
  [
    /\b(authorization["']?\s*[:=]\s*["']?(?:bearer|basic|aws4-hmac-sha256)?\s*)[^\s"',][^"'\r\n]*/gi,
    "$1[redacted]",
  ],
  [/\b(bearer\s+)[a-z0-9._~+/=-]{8,}/gi, "$1[redacted]"],
  [
    new RegExp(`((?:\\b|_|--)(?:${SECRET_NAME})\\s*=\\s*)("[^"]*"|'[^']*'|[^\\s&"',;]+)`, "gi"),
    "$1[redacted]",
  ],
  [
    new RegExp(`(["'](?:${SECRET_NAME})["']\\s*:\\s*)("(?:[^"\\\\]|\\\\.)*"|'[^']*')`, "gi"),
    '$1"[redacted]"',
  ],
  [/(--(?:password|passphrase|secret|token)\s+)\S+/gi, "$1[redacted]"],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, "[redacted]"],
];

const HIDDEN = "[redacted]";
const DEPTH_LIMIT = 8;
const ITEMS_LIMIT = 200;
const TEXT_LIMIT = 16 * 1024;

/**
 * Makes a value fit for logs, errors and records: private keys, passwords in URIs, command lines and JSON texts, access
 * keys and values under secret-looking names are replaced. Returns plain JSON, cut at 8 levels, 200 items a level and
 * 16 KiB a text; repeatable.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "function" || typeof value === "symbol") return `[${typeof value}]`;
  if (value === null || typeof value !== "object") return value;
  if (depth >= DEPTH_LIMIT) return "[deep]";
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "[no date]" : value.toISOString();
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Map)
    return redactEntries(
      [...value].map(([key, item]) => [String(key), item]),
      depth,
    );
  if (Array.isArray(value) || value instanceof Set)
    return [...value].slice(0, ITEMS_LIMIT).map((item) => redact(item, depth + 1));
  return redactEntries(Object.entries(value), depth);
}

function redactText(text: string): string {
  // Cut last: a secret that is cut in two would not be known again.
  const clean = SECRET_TEXTS.reduce((result, [place, left]) => result.replace(place, left), text);
  return clean.length <= TEXT_LIMIT ? clean : `${clean.slice(0, TEXT_LIMIT)}[cut]`;
}

function redactError(error: Error, depth: number): unknown {
  const code = "code" in error ? error.code : undefined;
  return {
    name: error.name,
    message: redactText(error.message),
    ...(code === undefined ? {} : { code: redact(code, depth + 1) }),
    ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1) }),
  };
}

function redactEntries(entries: readonly (readonly [string, unknown])[], depth: number): unknown {
  return Object.fromEntries(
    entries
      .slice(0, ITEMS_LIMIT)
      .map(([key, item]) => [redactText(key), SECRET_FIELD.test(key) ? HIDDEN : redact(item, depth + 1)]),
  );
}
