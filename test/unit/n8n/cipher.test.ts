import { describe, expect, test } from "vitest";
import { keyIdOf, openCipher } from "../../../lambda/engine/n8n/cipher.ts";
import { encryptByOpenssl } from "../../support/n8n-database.ts";

const KEY = "the-key-of-the-test";
const PLAIN = { user: "robot", password: "s3cret-ü" };
/** What n8n 2.40.5 itself stored of `PLAIN` by `n8n import:credentials`, without and with rotation of keys. */
const LEGACY = "U2FsdGVkX1/ZVPU1iodVKasy9Ht2f2ceO2xek+C65oVZcLBMYbytDsI43j2HjnBgJwp2RbneNqj85Ze1oKaZpQ==";
const ROTATED =
  "ax7LgpBuhRfAUw34:ASqlUlasbuBMNGTPE7+RiiHqmnAterDnxF3ot7Ad1HmdRZoxh6BDT8d2sv9ZXSVJ93S7H7fGm2esxGOGjyoB/Z0Xo/lrnPZUjGL1qlGpDcojo6SYdveeIw==";
/** Its rows of `deployment_key` then: the instance's own key, and the new one. */
const WRAPPED = [
  {
    id: "Cwz6RQa2tVx09bq6",
    algorithm: "aes-256-cbc",
    value: "AXalO79Y+7iNugXNLmssLZ72XsmhaadCIWLy7i+OZG6kBl3BeChmVeLVIbN5cEb1H1/WEgVMiVxnvMi5D7Bh9igoL6M=",
  },
  {
    id: "ax7LgpBuhRfAUw34",
    algorithm: "aes-256-gcm",
    value:
      "AcYUbwLK74xUNMDOC4TzcKQU2u9QyU0U6WvMjShp2Onuffg1/Z3FU8p3+Z95uZ9kyOh6vLy97MnYTBatZnncs5EtlLqVBesZ0QGL0bx81wmwt66Lj9ndDE57fP+kYxby3isUrCuzEkOtGi8opgnNXpw=",
  },
];

function read(plain: Buffer | undefined): unknown {
  return plain && JSON.parse(plain.toString());
}

describe("what n8n encrypted", () => {
  test("opens with the instance's key, as n8n and openssl wrote it", () => {
    const decrypt = openCipher(KEY, []);
    expect(read(decrypt(LEGACY))).toEqual(PLAIN);
    expect(read(decrypt(encryptByOpenssl(JSON.stringify(PLAIN), KEY)))).toEqual(PLAIN);
  });

  test("opens with the wrapped keys of an instance whose keys rotate", () => {
    const decrypt = openCipher(KEY, WRAPPED);
    expect(read(decrypt(ROTATED))).toEqual(PLAIN);
    expect(read(decrypt(LEGACY))).toEqual(PLAIN);
  });

  test("stays closed to another key, to a key that is not there, and after one changed letter", () => {
    for (let n = 0; n < 600; n++) expect(openCipher(`other ${n}`, [])(LEGACY)).toBeUndefined();
    expect(openCipher("other", WRAPPED)(ROTATED)).toBeUndefined();
    expect(openCipher(KEY, [])(ROTATED)).toBeUndefined();
    expect(openCipher(KEY, WRAPPED)(ROTATED.replace("ASql", "ASqm"))).toBeUndefined();
    for (const odd of ["", "U2FsdGVkX18=", "plain text", "AQ=="])
      expect(openCipher(KEY, WRAPPED)(odd), odd).toBeUndefined();
  });

  test("what decrypts to no object is no credential", () => {
    expect(openCipher(KEY, [])(encryptByOpenssl('"text"', KEY))).toBeUndefined();
  });
});

test("a key's id tells keys apart and not the key", () => {
  expect(keyIdOf(KEY)).toMatch(/^[0-9a-f]{32}$/);
  expect(keyIdOf(KEY)).not.toBe(keyIdOf(`${KEY} `));
});
