import { describe, expect, test } from "vitest";
import { FULL_CADENCES } from "../../lambda/engine/model/cadence.ts";
import { keys } from "../../lambda/engine/model/keys.ts";
import { estateOf, secretSourcesOf } from "../../lib/secret-sources.ts";
import { makeEstate } from "../support/estate.ts";
import { propertiesOf, STACKS, type Statement, statementsOf, synthesizeEstate } from "./synthesize.ts";

const mongodb = makeEstate().sources;
const config = { kind: "config", compute: "lambda" as const, config: { paths: ["/srv/erp/.env"] } };
const estate = makeEstate({
  sources: { ...mongodb, settings: config },
  targets: { beside: { ...config, config: { ...config.config, root: "/mnt/old" } } },
});
const templates = synthesizeEstate(estate);
const without = synthesizeEstate();

/** The key's logical id by its description, as policies refer to it. */
function keyIdOf(name: "vault" | "replica", description: string): string {
  const [found, ...others] = Object.entries(templates[name].Resources).filter(
    ([, { Type, Properties }]) => Type === "AWS::KMS::Key" && Properties?.Description === description,
  );
  if (found === undefined || others.length > 0) throw new Error(`not one key is described ${description}`);
  return found[0];
}
const SECRET_KEY = keyIdOf("vault", "Encrypts the secrets of demo");
const REPLICA_SECRET_KEY = keyIdOf("replica", "Encrypts the secrets in the replica vault of demo");

const statementBySid = (name: "vault" | "replica", sid: string): Statement | undefined =>
  Object.keys(templates[name].Resources)
    .filter((id) => templates[name].Resources[id]?.Type === "AWS::S3::BucketPolicy")
    .flatMap((id) => statementsOf(templates[name], id))
    .find(({ Sid }) => Sid === sid);

/** Logical ids of roles to the statements of all policies of theirs, in every stack. */
function statementsByRole(): Map<string, Statement[]> {
  const found = new Map<string, Statement[]>();
  for (const name of STACKS)
    for (const [id, { Type, Properties }] of Object.entries(templates[name].Resources)) {
      if (Type !== "AWS::IAM::Policy") continue;
      const roles = (Properties?.Roles ?? []) as { Ref: string }[];
      for (const { Ref } of roles)
        found.set(Ref, [...(found.get(Ref) ?? []), ...statementsOf(templates[name], id)]);
    }
  return found;
}

const names = (statement: Statement, text: string) => JSON.stringify(statement.Resource).includes(text);
const withoutHash = (id: string) => id.replace(/[0-9A-F]{8}$/, "");

describe("an estate without a source of secrets", () => {
  test("has one key in the replica, two in the vault, and one rule of replication", () => {
    expect(propertiesOf(without.replica, "AWS::KMS::Key")).toHaveLength(1);
    expect(propertiesOf(without.vault, "AWS::KMS::Key")).toHaveLength(2);
    expect(JSON.stringify(without)).not.toMatch(/secret-|SECRET_KEY_ARN|DemandSecretKey/);
  });

  test("is told from one with some by what the kinds need, not by their names", () => {
    expect(secretSourcesOf(makeEstate())).toEqual([]);
    expect(secretSourcesOf(estate)).toEqual(["settings"]);
    expect(estateOf(estate, "secret")).toMatchObject({ sources: { settings: {} }, targets: { beside: {} } });
    expect(Object.keys(estateOf(estate, "secret").sources)).toEqual(["settings"]);
    expect(estateOf(estate, "ordinary").targets).toEqual({});
  });
});

describe.each([
  ["vault", SECRET_KEY],
  ["replica", REPLICA_SECRET_KEY],
] as const)("the key for secrets of the stack %s", (name, id) => {
  test("rotates, survives its stack, and is no other key", () => {
    const key = templates[name].Resources[id];
    expect(key).toMatchObject({
      Properties: { EnableKeyRotation: true },
      DeletionPolicy: "RetainExceptOnCreate",
    });
    expect(JSON.stringify(key?.Properties)).toContain("DenyEndingTheKey");
  });

  test("is demanded for artifacts of secrets, of every cadence, and for nothing else", () => {
    const demand = statementBySid(name, "DemandSecretKey");
    expect(demand).toMatchObject({ Effect: "Deny", Principal: { AWS: "*" }, Action: "s3:PutObject" });
    // A put that says no key gets the bucket's own: it has none, and must be denied as well.
    expect(demand?.Condition).toEqual({
      StringNotEquals: {
        "s3:x-amz-server-side-encryption-aws-kms-key-id": { "Fn::GetAtt": [id, "Arn"] },
      },
    });
    expect(pathsOf(demand?.Resource)).toEqual(
      FULL_CADENCES.map((cadence) => `/data/${cadence}/settings/*`).sort(),
    );
  });

  test("is a foreign key everywhere else", () => {
    const denial = statementBySid(name, "DenyForeignKeys") as Statement & { NotResource?: unknown };
    expect(denial.Resource).toBeUndefined();
    const spared = pathsOf(denial.NotResource);
    expect(spared).toEqual(FULL_CADENCES.map((cadence) => `/data/${cadence}/settings/*`).sort());
    // A database that is called as the source: a star crosses folders.
    const artifact = "/data/daily/mongodb/20261127T030000000Z-7k2m9qx4ta/dump/settings/users.bson.zst";
    const fits = (pattern: string) => new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(artifact);
    expect(spared.filter(fits)).toEqual([]);
    expect(JSON.stringify(denial.Condition)).not.toContain(id);
  });
});

/** What stands behind the bucket's ARN in resources of a policy; the bucket itself is left out. */
function pathsOf(resources: unknown): string[] {
  return [...JSON.stringify(resources).matchAll(/"(\/[^"]+)"/g)].map(([, path = ""]) => path).sort();
}

describe("replication", () => {
  interface Rule {
    readonly Id: string;
    readonly Priority: number;
    readonly Filter: { readonly Prefix: string };
    readonly Destination: { readonly EncryptionConfiguration: unknown };
  }
  const rules = propertiesOf(templates.vault, "AWS::S3::Bucket").flatMap(
    ({ ReplicationConfiguration: found }) => (found as { Rules: Rule[] } | undefined)?.Rules ?? [],
  );

  test("gives the copies of secrets the replica's key for them, before the rule for everything", () => {
    const [everything, ...secrets] = rules;
    expect(everything).toMatchObject({ Id: "everything", Priority: 1 });
    expect(JSON.stringify(everything)).toMatch(/:alias\/demo-replica"/);
    for (const cadence of FULL_CADENCES) {
      const key = keys.data(cadence, "settings", "20261123T020009001Z-0123456789", "config/files");
      const [rule, ...others] = secrets.filter(({ Filter }) => key.startsWith(Filter.Prefix));
      expect(others, cadence).toEqual([]);
      expect(rule?.Priority, cadence).toBeGreaterThan(1);
      expect(JSON.stringify(rule?.Destination.EncryptionConfiguration)).toContain(
        ":alias/demo-replica-secret",
      );
    }
    expect(new Set(rules.map(({ Priority }) => Priority)).size).toBe(rules.length);
    expect(new Set(rules.map(({ Id }) => Id)).size).toBe(rules.length);
  });

  test("reads with the vault's key for secrets, and is let in by the replica's", () => {
    const own = [...statementsByRole()].find(([role]) => role.startsWith("Replication"))?.[1] ?? [];
    const decrypts = own.filter(({ Action }) => [Action].flat().includes("kms:Decrypt"));
    expect(decrypts.some((statement) => names(statement, SECRET_KEY))).toBe(true);
    expect(JSON.stringify(own)).toContain("alias/demo-replica-secret");
    const key = templates.replica.Resources[REPLICA_SECRET_KEY];
    expect(JSON.stringify(key)).toContain("role/demo-eu-central-1-replication");
    expect(propertiesOf(templates.replica, "AWS::KMS::Alias")).toContainEqual(
      expect.objectContaining({ AliasName: "alias/demo-replica-secret" }),
    );
  });
});

describe("roles", () => {
  const byRole = statementsByRole();
  const using = (action: string) =>
    [...byRole]
      .filter(([, statements]) =>
        statements.some(
          (statement) => [statement.Action].flat().includes(action) && names(statement, SECRET_KEY),
        ),
      )
      .map(([role]) => withoutHash(role))
      .sort();
  const roleOf = (start: string) => {
    const [found] = [...byRole].filter(([role]) => role.startsWith(start));
    if (found === undefined) throw new Error(`no role begins with ${start}`);
    return found[1];
  };

  test("only those of secrets and the replication may decrypt with the key, and only a writer encrypts", () => {
    expect(using("kms:Decrypt")).toEqual([
      "FleetSecretCheckerRole",
      "FleetSecretDrillRole",
      "FleetSecretRestorerRole",
      "FleetSecretWriterRole",
      "ReplicationRole",
    ]);
    expect(using("kms:GenerateDataKey")).toEqual(["FleetSecretWriterRole"]);
    for (const [role, statements] of byRole)
      for (const { Action, Resource } of statements)
        if ([Action].flat().some((action) => action.startsWith("kms:")))
          expect(JSON.stringify(Resource), role).not.toBe('"*"');
  });

  test("the key is for S3 alone: a writer, who gets no artifact, opens none with it", () => {
    const [writer] = roleOf("FleetSecretWriterRole").filter((one) => names(one, SECRET_KEY));
    expect(writer?.Condition).toEqual({
      StringEquals: { "kms:ViaService": "s3.eu-central-1.amazonaws.com" },
    });
    const reads = roleOf("FleetSecretWriterRole").filter(({ Action }) =>
      [Action].flat().includes("s3:GetObject"),
    );
    expect(JSON.stringify(reads.map(({ Resource }) => Resource))).not.toContain("/data/");
  });

  test.each(["Writer", "Checker", "Drill", "Restorer"])(
    "a %s of secrets reaches artifacts of secrets only",
    (name) => {
      const resources = JSON.stringify(roleOf(`FleetSecret${name}Role`).map(({ Resource }) => Resource));
      const data = [...new Set(resources.match(/\/data\/[^"]*/g))].sort();
      expect(data).toEqual(FULL_CADENCES.map((cadence) => `/data/${cadence}/settings/*`).sort());
    },
  );

  test("the secrets of other sources are not for them, the host's key is", () => {
    const reads = roleOf("FleetSecretWriterRole").filter(
      ({ Action }) => Action === "secretsmanager:GetSecretValue",
    );
    expect(JSON.stringify(reads)).toContain("demo/host-key");
    expect(JSON.stringify(reads)).not.toContain("demo/mongodb");
    expect(JSON.stringify(roleOf("FleetSecretDrillRole"))).not.toContain("secretsmanager");
  });

  test("the key admin may end it and cannot use it", () => {
    const own = roleOf("KeyAdminRole");
    expect(own.some((statement) => names(statement, SECRET_KEY))).toBe(true);
    expect(JSON.stringify(own)).toContain("alias/demo-replica-secret");
    expect(JSON.stringify(own)).not.toContain("kms:Decrypt");
  });
});

describe("workers", () => {
  const functions = propertiesOf(templates.workers, "AWS::Lambda::Function");
  const roleOfFunction = (name: string) =>
    JSON.stringify(functions.find(({ FunctionName }) => FunctionName === name)?.Role);

  test("there is a function and a task of each role for secrets, by the same handlers", () => {
    for (const role of ["writer", "checker", "restorer"]) {
      const found = functions.find(({ FunctionName }) => FunctionName === `demo-${role}-secret`);
      expect(found).toMatchObject({ Handler: `index.${role}`, Timeout: 900 });
      expect(roleOfFunction(`demo-${role}-secret`)).toContain("FleetSecret");
      expect(roleOfFunction(`demo-${role}`)).not.toContain("FleetSecret");
    }
  });

  test("a drill of secrets runs under its own role, and one of other data under the other", () => {
    const tasks = propertiesOf(templates.workers, "AWS::ECS::TaskDefinition");
    const roleOfTask = (family: string) =>
      JSON.stringify(tasks.find(({ Family }) => Family === family)?.TaskRoleArn);
    expect(roleOfTask("demo-drill-settings-7")).toContain("FleetSecretDrillRole");
    expect(roleOfTask("demo-drill-mongodb-7")).toContain("FleetDrillRole");
    for (const role of ["writer", "checker", "restorer"])
      expect(roleOfTask(`demo-${role}-secret`)).toContain("FleetSecret");
  });

  test("the machines may call them and pass their roles", () => {
    const machine = JSON.stringify(
      [...statementsByRole()].find(([role]) => role.startsWith("BackupRole"))?.[1] ?? [],
    );
    for (const part of ["SecretWriterFunction", "SecretCheckerFunction", "FleetSecretWriterRole"])
      expect(machine).toContain(part);
    expect(machine).toContain("demo-writer-secret");
    expect(machine).not.toContain("SecretRestorerFunction");
  });
});
