import { createDecipheriv, createHash, createHmac, hkdfSync } from "node:crypto";

const SALTED = Buffer.from("Salted__");
const CBC_SALT_BYTES = 8;
const KEY_BYTES = 32;
const CBC_IV_BYTES = 16;
const KEY_ID_DIGITS = 32;
const GCM = { version: 1, salt: 32, iv: 12, tag: 16, info: "n8n-encryption-v1" } as const;
/** Of a data key before its ciphertext; base64 has no `:`. */
const KEY_PREFIX = /^([A-Za-z0-9_-]{1,36}):/;

/** A key of data as n8n's table `deployment_key` has it: wrapped with the instance's key. */
export interface WrappedKey {
  readonly id: string;
  readonly value: string;
  readonly algorithm: string;
}

/** Opens what n8n encrypted: undefined where the key is another one. */
export type Decrypt = (data: string) => Buffer | undefined;

/**
 * Reads n8n's ciphertexts. Source: the classes `Cipher`, `CipherAes256CBC`, `CipherAes256GCM` of n8n-core 2.40.5 and
 * `KeyManagerService` of n8n 2.40.5. Without a prefix: the instance's key, or the wrapped key for AES-256-CBC where
 * there is one. With `<id>:` before it (rotation of keys switched on): the wrapped key of that id.
 */
export function openCipher(instanceKey: string, wrapped: readonly WrappedKey[]): Decrypt {
  const unwrapped = wrapped.map((key) => ({ ...key, plain: unwrap(key.value, instanceKey) }));
  const legacy = unwrapped.find(({ algorithm }) => algorithm === "aes-256-cbc");
  return (data) => {
    const id = KEY_PREFIX.exec(data)?.[1];
    const key = id === undefined ? legacy : unwrapped.find((one) => one.id === id);
    if (id === undefined && key === undefined) return requireObject(decryptCbc(data, instanceKey));
    if (key?.plain === undefined) return undefined;
    const cipher = id === undefined ? data : data.slice(id.length + 1);
    const open = key.algorithm === "aes-256-gcm" ? decryptGcm : decryptCbc;
    return requireObject(open(cipher, key.plain));
  };
}

/** Tells one key from another without telling the key: goes into the manifest. */
export function keyIdOf(key: string): string {
  return createHmac("sha256", key)
    .update("backup-estate n8n encryption key")
    .digest("hex")
    .slice(0, KEY_ID_DIGITS);
}

function unwrap(value: string, instanceKey: string): string | undefined {
  return decryptGcm(value, createHash("sha256").update(instanceKey).digest("hex"))?.toString();
}

/** As `openssl enc -d -aes-256-cbc -md md5 -a -A -pass …` reads it: key and IV by EVP_BytesToKey with MD5. */
function decryptCbc(data: string, password: string): Buffer | undefined {
  const bytes = Buffer.from(data, "base64");
  if (!bytes.subarray(0, SALTED.length).equals(SALTED)) return undefined;
  const start = SALTED.length + CBC_SALT_BYTES;
  const { key, iv } = deriveByMd5(password, bytes.subarray(SALTED.length, start));
  return orUndefined(() => {
    const decipher = createDecipheriv("aes-256-cbc", key, iv);
    return Buffer.concat([decipher.update(bytes.subarray(start)), decipher.final()]);
  });
}

/** Version, salt, tag, ciphertext; key and IV by HKDF-SHA256 of the key's 64 hex digits. */
function decryptGcm(data: string, hexKey: string): Buffer | undefined {
  const bytes = Buffer.from(data, "base64");
  const tagAt = 1 + GCM.salt;
  const start = tagAt + GCM.tag;
  if (bytes[0] !== GCM.version || bytes.length < start) return undefined;
  const salt = bytes.subarray(1, tagAt);
  const key = Buffer.from(hexKey, "hex");
  const derived = Buffer.from(hkdfSync("sha256", key, salt, GCM.info, KEY_BYTES + GCM.iv));
  return orUndefined(() => {
    const decipher = createDecipheriv(
      "aes-256-gcm",
      derived.subarray(0, KEY_BYTES),
      derived.subarray(KEY_BYTES),
      { authTagLength: GCM.tag },
    );
    decipher.setAuthTag(bytes.subarray(tagAt, start));
    return Buffer.concat([decipher.update(bytes.subarray(start)), decipher.final()]);
  });
}

function deriveByMd5(password: string, salt: Buffer): { key: Buffer; iv: Buffer } {
  let derived = Buffer.alloc(0);
  let block = Buffer.alloc(0);
  while (derived.length < KEY_BYTES + CBC_IV_BYTES) {
    block = createHash("md5").update(block).update(password).update(salt).digest();
    derived = Buffer.concat([derived, block]);
  }
  return { key: derived.subarray(0, KEY_BYTES), iv: derived.subarray(KEY_BYTES, KEY_BYTES + CBC_IV_BYTES) };
}

/** CBC tells no wrong key by itself, once in 256 times not even by its padding: it must be JSON of an object. */
function requireObject(plain: Buffer | undefined): Buffer | undefined {
  const value = plain && orUndefined<unknown>(() => JSON.parse(plain.toString()));
  return value !== null && typeof value === "object" && !Array.isArray(value) ? plain : undefined;
}

function orUndefined<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
