import { describe, expect, test } from "vitest";
import { roleGrants, type WorkerRole } from "../../lib/constructs/role-grants.ts";
import { secretReferences } from "../../lib/constructs/secret-grants.ts";
import type { EstateStores } from "../../lib/constructs/stores.ts";
import { makeEstate } from "../support/estate.ts";

const STORES = { stateBucketArn: "arn:state", operationsKeyArn: "arn:key" } as EstateStores;

describe("what a role may do by its configuration", () => {
  test("secrets are found at any depth of a source's configuration, each once, ARNs as they are", () => {
    const arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:deep-AbCdEf";
    const source = { kind: "x", compute: "lambda" as const };
    const estate = makeEstate({
      sources: {
        a: { ...source, config: { nested: [{ tokenSecret: arn }], passwordSecret: "demo/host-key" } },
        b: { ...source, config: { secretive: "no", countSecret: 4 } },
      },
    });
    expect(secretReferences(estate, "read")).toEqual([arn, "demo/host-key"]);
  });

  test("the checker sees the locks of artifacts, which is what it says of them in a look at the archive", () => {
    const seeing = (role: WorkerRole) =>
      roleGrants(role, makeEstate(), STORES).filter(({ actions }) =>
        actions.includes("s3:GetObjectRetention"),
      );
    expect(seeing("checker").flatMap(({ resources }) => resources)).toEqual([
      expect.stringMatching(/\/data\/\*$/),
    ]);
    expect(seeing("drill")).toEqual([]);
  });

  test("the secret of who restores is for the restorer alone", () => {
    const config = {
      ...{ passwordSecret: "demo/read", restorePasswordSecret: "demo/restore" },
      ...{ restoreReplayPasswordSecret: "demo/restore-log", restoreCertificateSecret: "demo/restore-key" },
    };
    const estate = makeEstate({ sources: { a: { kind: "x", compute: "lambda", config } } });
    const granted = (role: "writer" | "restorer") =>
      JSON.stringify(roleGrants(role, estate, {} as EstateStores));
    expect(granted("writer")).toContain("demo/read");
    expect(granted("writer")).not.toContain("demo/restore");
    expect(granted("restorer")).toContain("demo/restore");
  });

  test("the secrets of targets are for the restorer alone: nothing is backed up there", () => {
    const target = {
      kind: "mongodb",
      compute: "lambda" as const,
      config: { passwordSecret: "demo/scratch" },
    };
    const estate = makeEstate({ targets: { scratch: target } });
    for (const role of ["writer", "checker", "drill", "approver", "auditor"] as const)
      expect(JSON.stringify(roleGrants(role, estate, {} as EstateStores)), role).not.toContain(
        "demo/scratch",
      );
    expect(JSON.stringify(roleGrants("restorer", estate, {} as EstateStores))).toContain("demo/scratch");
  });

  test("a drill reads the key without which nothing could be proven, and no other secret", () => {
    const config = { database: "/srv/n8n/database.sqlite", encryptionKeySecret: "demo/n8n-key" };
    const estate = makeEstate({
      sources: {
        automations: { kind: "n8n", compute: "fargate", config },
        database: { kind: "mongodb", compute: "fargate", config: { passwordSecret: "demo/mongodb" } },
      },
    });
    const secrets = (role: "drill" | "checker" | "auditor") =>
      roleGrants(role, estate, {} as EstateStores)
        .filter(({ actions }) => actions.includes("secretsmanager:GetSecretValue"))
        .flatMap(({ resources }) => resources);
    expect(secrets("drill")).toEqual([expect.stringContaining(":secret:demo/n8n-key-??????")]);
    for (const role of ["checker", "auditor"] as const) expect(secrets(role), role).toEqual([]);
  });

  test("calling people is for the approver alone, who leaves tokens of escalations and no others", () => {
    const publishes = (role: WorkerRole) =>
      roleGrants(role, makeEstate(), STORES).some(({ actions }) => actions.includes("sns:Publish"));
    expect((["writer", "checker", "drill", "restorer", "auditor"] as const).filter(publishes)).toEqual([]);
    expect(publishes("approver")).toBe(true);
    const puts = roleGrants("approver", makeEstate(), STORES).filter(({ actions }) =>
      actions.includes("s3:PutObject"),
    );
    expect(puts.flatMap(({ resources }) => resources)).toEqual(["arn:state/escalations/*"]);
  });

  test("the writer answers recoveries too, for which it sets aside what they overwrite", () => {
    const [answers] = roleGrants("writer", makeEstate(), {} as EstateStores).filter(({ actions }) =>
      actions.includes("states:SendTaskSuccess"),
    );
    expect(JSON.stringify(answers?.resources)).toMatch(/-backup.*-recover/);
  });

  test("the auditor reads what is noted of copies on the host, and of the state nothing else, where there are any", () => {
    const localTier = { path: "/backup", keep: 7, schedule: { at: "02:00" } } as const;
    const objects = (changes: Parameters<typeof makeEstate>[0]) =>
      roleGrants("auditor", makeEstate(changes), STORES)
        .flatMap(({ resources }) => resources)
        .filter((resource) => resource?.startsWith("arn:state/"));
    expect(objects({ localTier })).toEqual(["arn:state/runs/local-tier/*"]);
    expect(objects({})).toEqual([]);
  });
});
