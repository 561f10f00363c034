import { join } from "node:path";
import { CreateSecretCommand } from "@aws-sdk/client-secrets-manager";
import { MongoClient } from "mongodb";
import { startAgent } from "../agent/agent.ts";
import { deployApp } from "../aws/deploy.ts";
import { startLocalAws } from "../aws/local-aws.ts";
import { seedErp } from "../data/erp.ts";
import { startWriter } from "../data/writer.ts";
import { startProber } from "../host/prober.ts";
import { subscribeToAlerts } from "../world/alerts.ts";
import { makeClients } from "../world/clients.ts";
import { startCompany } from "../world/company.ts";
import { readEstate } from "../world/estate.ts";
import { OBJECTIVES, REGIONS, secretsOf, writeEstateFile } from "../world/estate-file.ts";
import { makeWorldFolder, type World } from "../world/world.ts";
import { NOT_REHEARSED } from "./not-rehearsed.ts";
import type { Step } from "./step.ts";

const DEPLOY_LIMIT_MS = 180_000;

/** A server as a small company has it: sshd, MongoDB as a one-node replica set, the app; and an empty AWS account. */
export const worldStarts: Step<World> = {
  name: "A company's server and an empty AWS account",
  run: async (world, say) => {
    const folder = await makeWorldFolder(world);
    const { signal } = world.options;
    say("starting the local AWS, sshd, mongod and the app");
    const [aws, company] = await Promise.all([
      startLocalAws({ folder: join(folder, "aws"), signal }),
      startCompany(folder, signal, world.options.has),
    ]);
    world.onClose(() => aws.stop());
    world.onClose(() => company.stop());
    world.set("aws", aws);
    world.set("company", company);
    world.set("clients", makeClients(aws, REGIONS.replica));
    return {
      mongod: company.mongod.uri.replace(/\/\/.*@/, "//"),
      ssh: `127.0.0.1:${company.port}`,
      app: company.healthUrl,
    };
  },
};

/** Data in Arabic and English, a writer that goes on writing, a prober that watches the app. */
export const companyIsBusy: Step<World> = {
  name: "An ERP with data in Arabic and English, and a shop that goes on writing",
  run: async (world) => {
    const company = world.get("company");
    const mongo = world.set("mongo", new MongoClient(company.mongod.uri));
    world.onClose(() => mongo.close());
    await seedErp(mongo, world.options.size, world.options.seed);
    const writer = world.set("writer", startWriter(mongo, world.options.signal));
    world.onClose(() => writer.stop());
    const prober = world.set("prober", startProber(company.healthUrl, world.options.signal));
    world.onClose(() => prober.stop());
    const { dataSize, objects } = await mongo.db("erp").stats();
    return { erpBytes: dataSize, erpDocuments: objects, seed: world.options.seed };
  },
};

/** The real CDK app with the real command line; then the agent that runs what Fargate would run. */
export const estateIsDeployed: Step<World> = {
  name: "The estate is deployed by the CDK",
  run: async (world, say) => {
    const [aws, clients, folder] = [world.get("aws"), world.get("clients"), world.get("folder")];
    const estateFile = world.set(
      "estateFile",
      await writeEstateFile(join(folder, "estate.yaml"), world.get("company"), new Date()),
    );
    for (const [name, value] of Object.entries(secretsOf(world.get("company")))) {
      const secret = { Name: name, SecretString: value };
      await clients.secrets.send(new CreateSecretCommand(secret));
      // The local AWS takes ReplicateSecretToRegions and copies nothing.
      await clients.secretsReplica.send(new CreateSecretCommand(secret));
    }
    const deployment = await deployApp({
      aws,
      folder: join(folder, "aws"),
      app: "node bin/estate.ts",
      context: { config: estateFile },
      signal: world.options.signal,
      timeoutMs: DEPLOY_LIMIT_MS,
      progress: say,
    });
    const estate = world.set("estate", readEstate(deployment));
    world.set("alerts", await subscribeToAlerts(clients.sqs, clients.sns, estate.alertTopicArn));
    const { signal } = world.options;
    const agent = world.set("agent", startAgent({ aws, folder: join(folder, "agent"), signal }));
    world.onClose(() => agent.stop());
    world.findings.objectives = OBJECTIVES;
    world.findings.leftOut = [
      ...deployment.leftOut.map((one) => `${one.type} ${one.logicalId}: ${one.reason}`),
      ...leftOutOf(world).map(([kind, reason]) => `source ${kind}: ${reason}`),
    ];
    return { stacks: deployment.stacks.map(({ facts }) => facts.stackName), played: deployment.played };
  },
};

/** Buckets are only in a rehearsal of everything; what took the place of their server is told there. */
function leftOutOf({ options }: World): [string, string][] {
  return Object.entries(NOT_REHEARSED).filter(([kind]) => options.has === "everything" || kind !== "s3");
}
