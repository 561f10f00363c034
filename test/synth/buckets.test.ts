import { describe, expect, test } from "vitest";
import { keys } from "../../lambda/engine/model/keys.ts";
import { makeEstate } from "../support/estate.ts";
import {
  propertiesOf,
  resourcesOf,
  STACKS,
  type Statement,
  statementsOf,
  synthesizeEstate,
} from "./synthesize.ts";

const templates = synthesizeEstate();
const bucketsOf = (name: "vault" | "replica") => resourcesOf(templates[name], "AWS::S3::Bucket");
const locked = (name: "vault" | "replica") => {
  const [bucket, ...others] = bucketsOf(name).filter((one) => one.Properties?.ObjectLockEnabled === true);
  expect(others).toEqual([]);
  expect(bucket).toBeDefined();
  return bucket?.Properties as Record<string, object>;
};

function policiesOf(name: "vault" | "replica"): Statement[][] {
  const ids = Object.keys(templates[name].Resources);
  const policies = ids.filter((id) => templates[name].Resources[id]?.Type === "AWS::S3::BucketPolicy");
  return policies.map((id) => statementsOf(templates[name], id));
}

function statementBySid(name: "vault" | "replica", sid: string): Statement | undefined {
  return policiesOf(name)
    .flat()
    .find(({ Sid }) => Sid === sid);
}

describe("every bucket", () => {
  test.each(["vault", "replica"] as const)("of the stack %s is TLS only, at least 1.2", (name) => {
    expect(bucketsOf(name).length).toBeGreaterThan(1);
    expect(policiesOf(name)).toHaveLength(bucketsOf(name).length);
    for (const statements of policiesOf(name)) {
      const conditions = statements
        .filter(({ Effect }) => Effect === "Deny")
        .map(({ Condition }) => Condition);
      expect(conditions).toContainEqual({ Bool: { "aws:SecureTransport": "false" } });
      expect(conditions).toContainEqual({ NumericLessThan: { "s3:TlsVersion": 1.2 } });
    }
  });

  test.each(["vault", "replica"] as const)(
    "of the stack %s is encrypted, private, owned, and survives its stack",
    (name) => {
      for (const { Properties, DeletionPolicy } of bucketsOf(name)) {
        expect(Properties?.BucketEncryption).toBeDefined();
        expect(Properties?.PublicAccessBlockConfiguration).toEqual({
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        });
        expect(Properties?.OwnershipControls).toEqual({
          Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }],
        });
        expect(DeletionPolicy).toBe("RetainExceptOnCreate");
      }
    },
  );

  test("lies where data lie, or beside the replica for the state of its own: no other stack has one", () => {
    const others = STACKS.filter((name) => !["vault", "replica", "standby"].includes(name));
    for (const name of others) expect(propertiesOf(templates[name], "AWS::S3::Bucket")).toEqual([]);
  });
});

describe.each(["vault", "replica"] as const)("the locked bucket of the stack %s", (name) => {
  test("is locked and versioned, by default for the shortest lock of the estate", () => {
    expect(locked(name)).toMatchObject({
      VersioningConfiguration: { Status: "Enabled" },
      ObjectLockConfiguration: {
        ObjectLockEnabled: "Enabled",
        Rule: { DefaultRetention: { Mode: "GOVERNANCE", Days: 2 } },
      },
    });
  });

  test("is encrypted with a key of its own, and takes no key of a customer", () => {
    const [rule] = (locked(name).BucketEncryption as { ServerSideEncryptionConfiguration: unknown[] })
      .ServerSideEncryptionConfiguration;
    expect(rule).toMatchObject({
      BucketKeyEnabled: true,
      BlockedEncryptionTypes: { EncryptionType: ["SSE-C"] },
      ServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms" },
    });
  });

  test("sends events to EventBridge alone, where those listen who wait for Glacier", () => {
    const told = { EventBridgeConfiguration: { EventBridgeEnabled: true } };
    expect(locked(name).NotificationConfiguration).toEqual(told);
  });

  test("logs its accesses", () => {
    expect(locked(name).LoggingConfiguration).toMatchObject({ LogFilePrefix: expect.stringMatching(/\/$/) });
  });

  test("denies destruction to all but the key admin and CloudFormation", () => {
    const denial = statementBySid(name, "DenyDestruction");
    expect(denial).toMatchObject({ Effect: "Deny", Principal: { AWS: "*" } });
    expect(denial?.Action).toEqual(
      expect.arrayContaining([
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:BypassGovernanceRetention",
        "s3:PutBucketObjectLockConfiguration",
        "s3:PutLifecycleConfiguration",
      ]),
    );
    const spared = JSON.stringify(denial?.Condition?.ArnNotLike);
    expect(spared).toContain("role/demo-eu-central-1-key-admin");
    expect(spared).toContain("role/cdk-*-cfn-exec-role-");
  });

  test("denies locks that are longer than the longest that a worker may ask for", () => {
    const denial = statementBySid(name, "DenyEndlessLocks");
    expect(denial).toMatchObject({
      Effect: "Deny",
      Action: ["s3:PutObject", "s3:PutObjectRetention"],
      Condition: { NumericGreaterThan: { "s3:object-lock-remaining-retention-days": 90 + 7 + 1 } },
    });
  });
});

describe.each(["vault", "replica"] as const)(
  "a stolen worker cannot, in the locked bucket of the stack %s,",
  (name) => {
    test("encrypt with another key, or without one", () => {
      expect(statementBySid(name, "DenyForeignKeys")).toMatchObject({
        Effect: "Deny",
        Condition: {
          Null: { "s3:x-amz-server-side-encryption-aws-kms-key-id": "false" },
          StringNotEquals: { "s3:x-amz-server-side-encryption-aws-kms-key-id": expect.anything() },
        },
      });
      expect(statementBySid(name, "DenyOtherEncryption")).toMatchObject({
        Effect: "Deny",
        Principal: { AWS: "*" },
        Action: "s3:PutObject",
        Condition: { StringNotEquals: { "s3:x-amz-server-side-encryption": "aws:kms" } },
      });
    });

    test("lay a newer version over a manifest or a record; artifacts are uploads in parts and named by version", () => {
      const denial = statementBySid(name, "DenyOverwritingCommits");
      expect(denial).toMatchObject({
        Effect: "Deny",
        Principal: { AWS: "*" },
        Action: "s3:PutObject",
        Condition: { Null: { "s3:if-none-match": "true" }, Bool: { "s3:ObjectCreationOperation": "true" } },
      });
      const text = JSON.stringify(denial?.Resource);
      const written = Object.values(keys).flatMap((key) => /^[a-z]+/.exec(key("daily", "x", "y", "z")) ?? []);
      const ofState = ["claims", "incidents", "approvals", "escalations", "runs"];
      const committed = written.filter((prefix) => prefix !== "data" && !ofState.includes(prefix));
      expect(committed).toContain("recoveries");
      for (const prefix of committed) expect(text).toContain(`/${prefix}/*`);
      expect(text).not.toContain("/data/*");
    });
  },
);

test("the lock's mode is the one of the configuration", () => {
  const { vault } = synthesizeEstate(makeEstate({ lockMode: "COMPLIANCE" }));
  const modes = propertiesOf(vault, "AWS::S3::Bucket")
    .map((bucket) => bucket.ObjectLockConfiguration)
    .filter((lock) => lock !== undefined);
  expect(modes).toMatchObject([{ Rule: { DefaultRetention: { Mode: "COMPLIANCE" } } }]);
});

test("the state bucket is versioned, forgets after 35 days, and has no lock", () => {
  const state = propertiesOf(templates.vault, "AWS::S3::Bucket").find((bucket) =>
    JSON.stringify(bucket).includes("state/"),
  );
  expect(state).toMatchObject({
    VersioningConfiguration: { Status: "Enabled" },
    LifecycleConfiguration: { Rules: [{ ExpirationInDays: 35, Status: "Enabled" }] },
  });
  expect(state).not.toHaveProperty("ObjectLockEnabled");
});

describe("replication", () => {
  const replication = () => locked("vault").ReplicationConfiguration as { Rules: unknown[] };

  test("copies everything, encrypted objects too, but no delete marker", () => {
    expect(replication().Rules).toMatchObject([
      {
        Status: "Enabled",
        Filter: { Prefix: "" },
        DeleteMarkerReplication: { Status: "Disabled" },
        SourceSelectionCriteria: { SseKmsEncryptedObjects: { Status: "Enabled" } },
        Destination: { Metrics: { Status: "Enabled" } },
      },
    ]);
  });

  test("goes to the bucket and key that the replica's stack makes, by the same fixed names", () => {
    const text = JSON.stringify(replication());
    expect(text).toContain(":kms:eu-west-1:");
    expect(text).toContain(":alias/demo-replica");
    expect(propertiesOf(templates.replica, "AWS::KMS::Alias")).toMatchObject([
      { AliasName: "alias/demo-replica" },
    ]);
    const name = { "Fn::Join": ["", ["demo-replica-", { Ref: "AWS::AccountId" }, "-eu-west-1"]] };
    expect(locked("replica").BucketName).toEqual(name);
    expect(text).toContain('":s3:::demo-replica-",{"Ref":"AWS::AccountId"},"-eu-west-1"');
  });

  test("is let in by the replica through the role's fixed name, which is the name that the role has", () => {
    const [role] = propertiesOf(templates.vault, "AWS::IAM::Role").filter(
      ({ RoleName }) => RoleName === "demo-eu-central-1-replication",
    );
    expect(role).toBeDefined();
    const allowed = statementBySid("replica", "AllowReplicationByName");
    expect(allowed?.Action).toEqual(["s3:ReplicateObject", "s3:ReplicateTags"]);
    expect(JSON.stringify(allowed?.Condition?.ArnEquals)).toContain("role/demo-eu-central-1-replication");
    const [key] = propertiesOf(templates.replica, "AWS::KMS::Key");
    expect(JSON.stringify(key)).toContain("role/demo-eu-central-1-replication");
  });
});
