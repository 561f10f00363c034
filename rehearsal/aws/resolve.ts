/** What the intrinsic functions of one deployed stack stand for. */
export interface StackFacts {
  readonly region: string;
  readonly account: string;
  readonly stackName: string;
  /** Logical id → type and physical id, as DescribeStackResources gives them. */
  readonly resources: ReadonlyMap<string, { readonly type: string; readonly physicalId: string }>;
  readonly parameters: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string>>;
}

type Intrinsic = (argument: unknown, facts: StackFacts) => unknown;

const INTRINSICS: Readonly<Record<string, Intrinsic>> = {
  Ref: (name, facts) => resolveRef(String(name), facts),
  "Fn::GetAtt": (argument, facts) => resolveAttribute(argument, facts),
  "Fn::Join": (argument, facts) => {
    const [separator, parts] = resolve(argument, facts) as [string, string[]];
    return parts.join(separator);
  },
  "Fn::Split": (argument, facts) => {
    const [separator, text] = resolve(argument, facts) as [string, string];
    return text.split(separator);
  },
  "Fn::Select": (argument, facts) => {
    const [index, list] = resolve(argument, facts) as [number | string, unknown[]];
    return list[Number(index)];
  },
  "Fn::ImportValue": (argument, facts) => facts.exports[String(resolve(argument, facts))],
  "Fn::Sub": (argument, facts) => {
    if (typeof argument !== "string") throw new Error("Fn::Sub with own variables is not played.");
    return argument.replace(/\$\{([^}]+)\}/g, (_, name: string) =>
      String(name.includes(".") ? resolveAttribute(name, facts) : resolveRef(name, facts)),
    );
  },
};

/** The value of a template's property in a deployed stack. Throws for a function or attribute that is not played. */
export function resolve(value: unknown, facts: StackFacts): unknown {
  if (Array.isArray(value)) return value.map((item) => resolve(item, facts));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  const [key = "", argument] = entries[0] ?? [];
  const intrinsic = entries.length === 1 ? INTRINSICS[key] : undefined;
  if (intrinsic !== undefined) return intrinsic(argument, facts);
  if (key.startsWith("Fn::")) throw new Error(`${key} is not played.`);
  return Object.fromEntries(entries.map(([name, item]) => [name, resolve(item, facts)]));
}

function resolveRef(name: string, facts: StackFacts): unknown {
  const pseudo: Readonly<Record<string, string>> = {
    "AWS::Region": facts.region,
    "AWS::AccountId": facts.account,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": facts.stackName,
  };
  const found = pseudo[name] ?? facts.resources.get(name)?.physicalId ?? facts.parameters[name];
  if (found === undefined) throw new Error(`${facts.stackName} has nothing called ${name}.`);
  return found;
}

function resolveAttribute(argument: unknown, facts: StackFacts): string {
  const [logicalId = "", attribute = ""] = Array.isArray(argument)
    ? argument.map(String)
    : String(argument).split(/\.(.*)/);
  const { type, physicalId } = facts.resources.get(logicalId) ?? { type: "nothing", physicalId: "" };
  const { region, account } = facts;
  const arns: Readonly<Record<string, string>> = {
    "AWS::S3::Bucket": `arn:aws:s3:::${physicalId}`,
    "AWS::KMS::Key": `arn:aws:kms:${region}:${account}:key/${physicalId}`,
    "AWS::IAM::Role": `arn:aws:iam::${account}:role/${physicalId}`,
  };
  const arn = attribute === "Arn" ? arns[type] : undefined;
  if (arn === undefined)
    throw new Error(`${facts.stackName}: ${attribute} of ${logicalId} (${type}) is not played.`);
  return arn;
}
