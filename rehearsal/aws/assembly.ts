import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A resource of the templates that the local AWS cannot make; the deployment goes on without it. */
export interface LeftOut {
  readonly stack: string;
  readonly logicalId: string;
  readonly type: string;
  readonly reason: string;
}

export interface TemplateResource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly DependsOn?: string | readonly string[];
}

export interface Template {
  readonly Resources: Readonly<Record<string, TemplateResource>>;
  readonly Outputs?: Readonly<Record<string, unknown>>;
}

const REFUSED_TYPES: Readonly<Record<string, string>> = {
  "AWS::CloudWatch::CompositeAlarm": "the local AWS refuses composite alarms",
  "AWS::EC2::FlowLog": "the local AWS refuses flow logs",
};

/**
 * Takes out of every template of a cloud assembly what the local AWS refuses, by name, and says what it took.
 * Throws for a resource that would hang a deployment, and when something that stays refers to what goes.
 */
export async function leaveOutRefused(assemblyFolder: string): Promise<LeftOut[]> {
  const files = (await readdir(assemblyFolder)).filter((file) => file.endsWith(".template.json"));
  const leftOut = await Promise.all(files.map((file) => rewriteTemplate(join(assemblyFolder, file), file)));
  return leftOut.flat();
}

async function rewriteTemplate(path: string, file: string): Promise<LeftOut[]> {
  const stack = file.replace(/\.template\.json$/, "");
  const { template, leftOut } = withoutRefused(stack, JSON.parse(await readFile(path, "utf8")) as Template);
  if (leftOut.length > 0) await writeFile(path, JSON.stringify(template, null, 1));
  return leftOut;
}

/** The decision of `leaveOutRefused` for one template, as a value. */
export function withoutRefused(
  stack: string,
  template: Template,
): { template: Template; leftOut: LeftOut[] } {
  const leftOut = Object.entries(template.Resources).flatMap(([logicalId, resource]) => {
    const reason = reasonToRefuse(resource);
    return reason === undefined ? [] : [{ stack, logicalId, type: resource.Type, reason }];
  });
  const gone = new Set(leftOut.map(({ logicalId }) => logicalId));
  const stays = ([logicalId]: [string, unknown]) => !gone.has(logicalId);
  const resources = Object.entries(template.Resources)
    .filter(stays)
    .map(([logicalId, resource]) => [logicalId, withoutDependencies(resource, gone)] as const);
  const outputs = Object.entries(template.Outputs ?? {}).filter(([, output]) => !refersTo(output, gone));
  for (const [logicalId, resource] of resources) {
    if (refersTo(resource, gone))
      throw new Error(
        `${stack}: ${logicalId} refers to a resource that the local AWS refuses: ${[...gone]}.`,
      );
  }
  return {
    template: { ...template, Resources: Object.fromEntries(resources), Outputs: Object.fromEntries(outputs) },
    leftOut,
  };
}

function reasonToRefuse(resource: TemplateResource): string | undefined {
  if (resource.Type === "Custom::S3AutoDeleteObjects")
    throw new Error(
      "A deployment with autoDeleteObjects never ends on the local AWS, and a vault never has it.",
    );
  if (resource.Type === "AWS::CloudWatch::Alarm" && resource.Properties?.Metrics !== undefined)
    return "the local AWS refuses alarms on metric math";
  return REFUSED_TYPES[resource.Type];
}

function withoutDependencies(resource: TemplateResource, gone: ReadonlySet<string>): TemplateResource {
  if (resource.DependsOn === undefined) return resource;
  const kept = [resource.DependsOn].flat().filter((logicalId) => !gone.has(logicalId));
  return { ...resource, DependsOn: kept };
}

/** Whether a `Ref`, `Fn::GetAtt` or `Fn::Sub` inside `value` names one of `logicalIds`. */
function refersTo(value: unknown, logicalIds: ReadonlySet<string>): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.some((item) => refersTo(item, logicalIds));
  return Object.entries(value).some(([key, inner]) => {
    if (key === "Ref") return logicalIds.has(String(inner));
    if (key === "Fn::GetAtt") return logicalIds.has(String([inner].flat()[0]).split(".")[0] ?? "");
    if (key === "Fn::Sub" && [...logicalIds].some((id) => JSON.stringify(inner).includes(`\${${id}`)))
      return true;
    return refersTo(inner, logicalIds);
  });
}
