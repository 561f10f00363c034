import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import type { DrillServer } from "../../lambda/engine/sources/source.ts";
import type { Bundle } from "../../lib/bundle.ts";
import type { drillServersOf } from "../../lib/drill-servers.ts";
import { addEstateStacks } from "../../lib/stacks/estate-stacks.ts";
import { makeEstate } from "../support/estate.ts";

export const STACKS = ["replica", "vault", "workers", "runbooks", "watch", "standby"] as const;
export type StackName = (typeof STACKS)[number];
export type Templates = Readonly<Record<StackName, CloudFormationTemplate>>;

export interface CloudFormationTemplate {
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs?: Readonly<Record<string, unknown>>;
}
export interface Resource {
  readonly Type: string;
  readonly Properties?: Record<string, unknown>;
  readonly DeletionPolicy?: string;
}

export const MONGO_DRILL: DrillServer = {
  image: "mongo",
  majors: ["6", "7"],
  port: 27018,
  command: ["mongod", "--port", "27018"],
};

/** An app under the flags of cdk.json. */
function makeApp(): App {
  const { context } = JSON.parse(readFileSync("cdk.json", "utf8")) as { context: Record<string, unknown> };
  return new App({ context, outdir: mkdtempSync(join(tmpdir(), "synth-")) });
}

/** A bundle of fixed bytes, so that the tests need no build. */
function makeBundle(): Bundle {
  const folder = mkdtempSync(join(tmpdir(), "bundle-"));
  mkdirSync(join(folder, "handlers"));
  writeFileSync(join(folder, "handlers/index.mjs"), "export const writer = 1;\n");
  writeFileSync(join(folder, "worker.mjs"), "console.log('worker');\n");
  return { handlersFolder: join(folder, "handlers"), workerFile: join(folder, "worker.mjs") };
}

function mongoDrills(estate: Estate): ReturnType<typeof drillServersOf> {
  return Object.fromEntries(Object.keys(estate.sources).map((name) => [name, MONGO_DRILL]));
}

/** Every stack of an estate in a fresh app, not yet synthesized. */
export function makeStacks(estate: Estate = makeEstate(), drillServers = mongoDrills(estate)) {
  const app = makeApp();
  return { app, stacks: addEstateStacks(app, { estate, bundle: makeBundle(), drillServers }) };
}

/** The templates of an estate. Throws the report of cdk-nag and CloudFormation's own rules when it is not clean. */
export function synthesizeEstate(estate: Estate = makeEstate(), drills = mongoDrills(estate)): Templates {
  const { app, stacks } = makeStacks(estate, drills);
  app.synth();
  const template = (name: StackName) => Template.fromStack(stacks[name]).toJSON() as CloudFormationTemplate;
  return Object.fromEntries(STACKS.map((name) => [name, template(name)])) as Templates;
}

export function resourcesOf(template: CloudFormationTemplate, type: string): Resource[] {
  return Object.values(template.Resources).filter((resource) => resource.Type === type);
}

export function propertiesOf(template: CloudFormationTemplate, type: string): Record<string, unknown>[] {
  return resourcesOf(template, type).map((resource) => resource.Properties ?? {});
}

export interface Statement {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Principal?: unknown;
  readonly Condition?: Record<string, Record<string, unknown>>;
}

/** The statements of the policies (IAM's or a bucket's) whose logical ids begin so. */
export function statementsOf(template: CloudFormationTemplate, idPrefix: string): Statement[] {
  return Object.entries(template.Resources)
    .filter(([id, { Properties = {} }]) => id.startsWith(idPrefix) && "PolicyDocument" in Properties)
    .flatMap(
      ([, { Properties = {} }]) => (Properties.PolicyDocument as { Statement: Statement[] }).Statement,
    );
}
