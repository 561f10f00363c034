import { Aws } from "aws-cdk-lib";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { moveSecret } from "../../lambda/engine/model/secret-reference.ts";
import { sources } from "../../lambda/engine/sources/registry.ts";
import type { Purpose } from "../../lambda/engine/sources/source.ts";
import type { Grant } from "./grant.ts";

/** To open sources a role needs the host's key and the sources' own secrets. */
export function openSources(estate: Estate, purpose: Purpose): Grant {
  return {
    actions: ["secretsmanager:GetSecretValue"],
    resources: secretReferences(estate, purpose).map((reference) => secretArn(estate, reference)),
    why: "Opens the sources on the host.",
  };
}

/** Without the key of what is encrypted, a drill could not show that it can be read; the host's key is not among them. */
export function proveWithSecrets(estate: Estate): Grant[] {
  const references = Object.values(estate.sources).flatMap(({ kind, config }) => {
    const drill = sources[kind]?.needs.drill;
    return typeof drill === "object" && "secretsOf" in drill ? (drill.secretsOf?.(config) ?? []) : [];
  });
  if (references.length === 0) return [];
  return [
    {
      actions: ["secretsmanager:GetSecretValue"],
      resources: [...new Set(references)].sort().map((reference) => secretArn(estate, reference)),
      why: "Shows that what was restored can be decrypted.",
    },
  ];
}

/**
 * Every secret that the estate names, once each: the host's key, and fields of sources that end in `Secret`. Those
 * that begin with `restore` are left out for who only reads, and those of targets: what can write is not for the
 * nightly work.
 */
export function secretReferences(estate: Estate, purpose: Purpose): string[] {
  const targets = purpose === "write" ? Object.values(estate.targets ?? {}) : [];
  const ofSources = [...Object.values(estate.sources), ...targets].flatMap((source) =>
    secretsIn(source.config, purpose),
  );
  return [...new Set([estate.host.keySecret, ...ofSources])].sort();
}

function secretsIn(value: unknown, purpose: Purpose): string[] {
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([field, item]) => {
    if (!field.endsWith("Secret") || typeof item !== "string") return secretsIn(item, purpose);
    return purpose === "read" && field.startsWith("restore") ? [] : [item];
  });
}

/** A name becomes an ARN pattern whose six `?` stand for the random ending that Secrets Manager adds. */
function secretArn(estate: Estate, reference: string): string {
  if (reference.startsWith("arn:")) return moveSecret(reference, estate.regions.primary);
  return `arn:${Aws.PARTITION}:secretsmanager:${estate.regions.primary}:${Aws.ACCOUNT_ID}:secret:${reference}-??????`;
}
