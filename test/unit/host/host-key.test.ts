import { describe, expect, it } from "vitest";
import {
  fingerprintOfKey,
  parseHostKey,
  signatureAlgorithmsOf,
} from "../../../lambda/engine/host/host-key.ts";

/** Made by ssh-keygen; `ssh-keygen -lf` printed the fingerprint. */
const LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKpnoA9BH7cZtckz6bhGOc3Wp5mx+KYiczgAMeKk0c2q";
const FINGERPRINT = "SHA256:Wf6kfK+SPKR9MPunsx0hI89NosSTCnmbRdEpaynbyy8";

describe("a pinned host key", () => {
  it("has the fingerprint that ssh-keygen prints", () => {
    expect(fingerprintOfKey(parseHostKey(LINE).blob)).toBe(FINGERPRINT);
  });

  it("names its type", () => {
    expect(parseHostKey(LINE).type).toBe("ssh-ed25519");
  });

  it("of type RSA is proven by SHA-2 only", () => {
    expect(signatureAlgorithmsOf("ssh-rsa")).toEqual(["rsa-sha2-512", "rsa-sha2-256"]);
  });

  it("of another type is proven by that type only", () => {
    expect(signatureAlgorithmsOf("ecdsa-sha2-nistp256")).toEqual(["ecdsa-sha2-nistp256"]);
  });
});
