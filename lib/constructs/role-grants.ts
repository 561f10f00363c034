import { FULL_CADENCES } from "../../lambda/engine/model/cadence.ts";
import { invariant } from "../../lambda/engine/model/errors.ts";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { AUDIT_METRICS } from "../../lambda/engine/model/freshness.ts";
import type { MachineName } from "../../lambda/engine/model/machines.ts";
import { sources } from "../../lambda/engine/sources/registry.ts";
import { estateOf, type Secrecy } from "../secret-sources.ts";
import { askGlacier, seeLocks } from "./archive-grants.ts";
import type { Grant } from "./grant.ts";
import { alertTopicArn, executionArns, machineArn } from "./names.ts";
import { openSources, proveWithSecrets } from "./secret-grants.ts";
import { secretPrefixesOf } from "./secret-prefixes.ts";
import type { EstateStores } from "./stores.ts";

/** Roles of the blueprint that have something to run. */
export type WorkerRole = "writer" | "checker" | "drill" | "restorer" | "approver" | "auditor";

/** Machines whose executions hold claims. */
const CLAIMING_MACHINES = [
  "backup",
  "recover",
  "pre-deploy-backup",
  "complete-disaster-recovery",
  "disaster-drill",
  "region-loss",
] as const;
/** Machines that put data back. */
const RECOVERING_MACHINES = [
  "recover",
  "complete-disaster-recovery",
  "disaster-drill",
  "region-loss",
] as const;
const PUT_LOCKED = ["s3:PutObject", "s3:PutObjectRetention", "s3:AbortMultipartUpload"] as const;
const READ_VERSION = ["s3:GetObject", "s3:GetObjectVersion"] as const;

/**
 * Exactly what each role may do. Not one of them may delete, shorten a lock or change a bucket or key.
 * A role reads what it commits: a repeat of the same commit is compared with what is there.
 *
 * | role | vault reads | vault writes | state | host secrets |
 * |---|---|---|---|---|
 * | writer | manifests, sets, verifications, drills; indexes of sources that reuse | data, manifests, sets | claims, runs | but those for restoring |
 * | checker | data and its locks, manifests, sets, verifications, drills | verifications | | |
 * | drill | data, manifests, drills | drills | | those that a source's `drill.secretsOf` names |
 * | restorer | all, also out of Glacier | verifications, recoveries | claims, runs; puts approvals, cannot read them | yes |
 * | approver | | | reads approvals; reads and puts escalations; sends messages to the topic of alerts | |
 * | auditor | manifests, verifications, drills | | reads what is noted of copies on the host | |
 *
 * Workers of secrets have the same, of artifacts only those of sources that hold secrets, and the key for these, which
 * no other role has.
 */
export function roleGrants(
  role: WorkerRole,
  estate: Estate,
  stores: EstateStores,
  secrecy: Secrecy = "ordinary",
): Grant[] {
  if (secrecy === "ordinary") return grantsFor(role, estate, stores, ["data"]);
  const own = estateOf(estate, "secret");
  const data = secretPrefixesOf(own).map((prefix) => prefix.slice(0, -1));
  return [...grantsFor(role, own, stores, data), useSecretKey(role, estate, stores)];
}

/** `data` begins the keys of the artifacts that it works on. */
function grantsFor(role: WorkerRole, estate: Estate, stores: EstateStores, data: readonly string[]): Grant[] {
  switch (role) {
    case "writer":
      return [
        readVault(stores, ["manifests", "sets", "verifications", "drills"]),
        ...readAgain(estate, stores),
        writeVault(stores, [...data, "manifests", "sets"]),
        listBucket(stores.vaultBucketArn),
        useVaultKey(stores),
        ...changeState(stores, ["claims", "runs"]),
        seeExecutions(estate),
        openSources(estate, "read"),
        // Under a recovery it sets aside what that is about to overwrite.
        answer(estate, ["backup", "pre-deploy-backup", ...RECOVERING_MACHINES]),
      ];
    case "checker":
      return [
        readVault(stores, [...data, "manifests", "sets", "verifications", "drills"]),
        writeVault(stores, ["verifications"]),
        listBucket(stores.vaultBucketArn),
        useVaultKey(stores),
        seeLocks(stores, data),
        answer(estate, ["backup", "drill", "pre-deploy-backup", "verify-archive"]),
      ];
    case "drill":
      return [
        ...proveWithSecrets(estate),
        readVault(stores, [...data, "manifests", "drills"]),
        writeVault(stores, ["drills"]),
        listBucket(stores.vaultBucketArn),
        useVaultKey(stores),
        answer(estate, ["backup", "drill", "pre-deploy-backup"]),
      ];
    case "restorer":
      return [
        readVault(stores, [...data, "manifests", "sets", "verifications", "drills", "recoveries"]),
        writeVault(stores, ["verifications", "recoveries", "drills/complete"]),
        listBucket(stores.vaultBucketArn),
        useVaultKey(stores),
        ...changeState(stores, ["claims", "runs"]),
        putState(stores, ["approvals"]),
        seeExecutions(estate),
        openSources(estate, "write"),
        askGlacier(stores, data),
        answer(estate, ["thaw-archive", "local-tier", ...RECOVERING_MACHINES]),
      ];
    case "approver":
      return approverGrants(estate, stores);
    case "auditor":
      return [
        readVault(stores, ["manifests", "verifications", "drills"]),
        listBucket(stores.vaultBucketArn),
        readByVaultKey(stores),
        ...(estate.localTier === undefined ? [] : readState(stores, ["runs/local-tier"])),
        SEND_NUMBERS,
      ];
  }
}

function approverGrants(estate: Estate, stores: EstateStores): Grant[] {
  return [
    ...readState(stores, ["approvals", "escalations"]),
    putState(stores, ["escalations"]),
    callPeople(estate),
    useOperationsKey(stores),
    answer(estate, ["escalate", ...RECOVERING_MACHINES]),
  ];
}

function inBucket(bucketArn: string, prefixes: readonly string[]): string[] {
  return prefixes.map((prefix) => `${bucketArn}/${prefix}/*`);
}

function readVault(stores: EstateStores, prefixes: readonly string[]): Grant {
  return {
    actions: READ_VERSION,
    resources: inBucket(stores.vaultBucketArn, prefixes),
    why: "Backups are made all the time; their keys are known by prefix only.",
  };
}

/**
 * A source that takes over artifacts reads its last index again, and nothing else of what is stored. Each cadence by
 * its name: a policy's `*` crosses folders, and another source may hold a database of that name.
 */
function readAgain(estate: Estate, stores: EstateStores): Grant[] {
  const resources = Object.entries(estate.sources).flatMap(([name, { kind }]) => {
    const rereads = sources[kind]?.needs.reuse?.rereads;
    if (rereads === undefined) return [];
    return FULL_CADENCES.map((cadence) => `${stores.vaultBucketArn}/data/${cadence}/${name}/*/${rereads}*`);
  });
  if (resources.length === 0) return [];
  return [
    {
      actions: READ_VERSION,
      resources,
      why: "Compares a tree with the index of the backup before it; ids of backups are known by prefix only.",
    },
  ];
}

function writeVault(stores: EstateStores, prefixes: readonly string[]): Grant {
  return {
    actions: PUT_LOCKED,
    resources: inBucket(stores.vaultBucketArn, prefixes),
    why: "Backups are made all the time; their keys are known by prefix only. Versioning and lock keep what is there.",
  };
}

/** Not bound to a prefix: without it S3 answers 403 instead of 404 for an object that is missing, whatever its key. */
function listBucket(bucketArn: string): Grant {
  return {
    actions: ["s3:ListBucket", "s3:ListBucketVersions"],
    resources: [bucketArn],
    why: "Finds versions, and tells what is missing from what is refused.",
  };
}

/** PutMetricData knows no resource; the namespace is what bounds it. */
const SEND_NUMBERS: Grant = {
  actions: ["cloudwatch:PutMetricData"],
  resources: ["*"],
  conditions: { StringEquals: { "cloudwatch:namespace": AUDIT_METRICS.namespace } },
  why: "Metrics have no resource-level permission; the condition admits the estate's namespace only.",
};

function readByVaultKey(stores: EstateStores): Grant {
  return { actions: ["kms:Decrypt"], resources: [stores.vaultKeyArn], why: "Reads objects of the vault." };
}

/** Decrypt too where a role only writes: S3 asks for it on every part of a multipart upload. */
function useVaultKey(stores: EstateStores): Grant {
  return {
    actions: ["kms:Decrypt", "kms:GenerateDataKey"],
    resources: [stores.vaultKeyArn],
    why: "Objects of the vault are encrypted with its key.",
  };
}

/** Only through S3, so that a writer, who may get no artifact, opens none. Decrypt too, as with the vault's key. */
function useSecretKey(role: WorkerRole, estate: Estate, { secretKeyArn }: EstateStores): Grant {
  invariant(secretKeyArn !== undefined, "an estate with sources of secrets has a key for them");
  return {
    actions: role === "writer" ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"],
    resources: [secretKeyArn],
    conditions: { StringEquals: { "kms:ViaService": `s3.${estate.regions.primary}.amazonaws.com` } },
    why: "Artifacts of secrets are encrypted with a key of their own.",
  };
}

/** Reads and compares-and-sets objects of the state bucket under some prefixes. */
export function changeState(stores: EstateStores, prefixes: readonly string[]): Grant[] {
  return [
    {
      actions: ["s3:GetObject", "s3:PutObject"],
      resources: inBucket(stores.stateBucketArn, prefixes),
      why: "One object a slot, source, run or alert; their keys are known by prefix only.",
    },
    listBucket(stores.stateBucketArn),
    useOperationsKey(stores),
  ];
}

/** Looks whether the artifacts of a backup came out of Glacier, and answers the runbook that waits for them. */
export function wakeThaws(estate: Estate, stores: EstateStores): Grant[] {
  return [
    // Without the key: whether an object is there is answered to whoever may read its ciphertext.
    readVault(stores, ["data"]),
    ...readState(stores, ["runs/thaws"]),
    answer(estate, ["thaw-archive"]),
  ];
}

function readState(stores: EstateStores, prefixes: readonly string[]): Grant[] {
  return [
    {
      actions: ["s3:GetObject"],
      resources: inBucket(stores.stateBucketArn, prefixes),
      why: "One object a run; their keys are known by prefix only.",
    },
    listBucket(stores.stateBucketArn),
    {
      actions: ["kms:Decrypt"],
      resources: [stores.operationsKeyArn],
      why: "Reads objects of the state bucket.",
    },
  ];
}

function putState(stores: EstateStores, prefixes: readonly string[]): Grant {
  return {
    actions: ["s3:PutObject"],
    resources: inBucket(stores.stateBucketArn, prefixes),
    why: "Leaves a token that only the approver role can read; one object a run.",
  };
}

function callPeople(estate: Estate): Grant {
  return {
    actions: ["sns:Publish"],
    resources: [alertTopicArn(estate)],
    why: "Calls the contacts of an escalation.",
  };
}

function useOperationsKey(stores: EstateStores): Grant {
  return {
    actions: ["kms:Decrypt", "kms:GenerateDataKey"],
    resources: [stores.operationsKeyArn],
    why: "The state bucket is encrypted with the operations key.",
  };
}

/** A claim may be taken over only when its execution no longer runs. */
function seeExecutions(estate: Estate): Grant {
  return {
    actions: ["states:DescribeExecution"],
    resources: CLAIMING_MACHINES.map((machine) => executionArns(estate, machine)),
    why: "Whether the execution that holds a claim still runs; executions are known by their machine only.",
  };
}

function answer(estate: Estate, machines: readonly MachineName[]): Grant {
  return {
    actions: ["states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"],
    resources: machines.map((machine) => machineArn(estate, machine)),
    why: "Answers the token of its task.",
  };
}
