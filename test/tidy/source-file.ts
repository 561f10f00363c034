import { parseSync, Visitor } from "oxc-parser";

/** A name that one file takes from another: `*` is everything, `default` the default export. */
interface ImportOf {
  readonly from: string;
  readonly names: readonly string[];
  readonly typeOnly: boolean;
  /** `import()` at run time. */
  readonly dynamic: boolean;
}

interface ExportOf {
  readonly name: string;
  readonly typeOnly: boolean;
  /** How often the name stands in its own file besides its declaration. */
  readonly usedInside: boolean;
}

interface FunctionOf {
  readonly name: string;
  readonly kind: "function" | "constructor" | "suite";
  readonly lines: number;
}

/** What the tidy checks know of one source file. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  readonly imports: readonly ImportOf[];
  readonly exports: readonly ExportOf[];
  readonly functions: readonly FunctionOf[];
  /** Names that the file declares. */
  readonly declared: readonly string[];
  /** Texts that a `kind` is compared with. */
  readonly comparedKinds: readonly string[];
}

type Node = { readonly type: string; readonly start: number; readonly end: number };
type Parsed = ReturnType<typeof parseSync>;

/** Parses one TypeScript file; throws when it is none. */
export function readSource(path: string, text: string): SourceFile {
  const parsed = parseSync(path, text);
  if (parsed.errors.length > 0) throw new Error(`${path}: ${parsed.errors[0]?.message}`);
  return {
    path,
    text,
    lines: text.trimEnd().split("\n").length,
    imports: [...staticImports(parsed), ...reExports(parsed), ...dynamicImports(parsed, text)],
    exports: exportsOf(parsed, text),
    functions: functionsOf(parsed, text),
    declared: declaredNames(parsed),
    comparedKinds: comparedKinds(parsed),
  };
}

function staticImports({ module }: Parsed): ImportOf[] {
  return module.staticImports.map(({ moduleRequest, entries }) => ({
    from: moduleRequest.value,
    names: entries.map(
      ({ importName }) => importName.name ?? (importName.kind === "Default" ? "default" : "*"),
    ),
    typeOnly: entries.length > 0 && entries.every((entry) => entry.isType),
    dynamic: false,
  }));
}

function reExports({ module }: Parsed): ImportOf[] {
  return module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ moduleRequest, importName, isType }) =>
      moduleRequest === null
        ? []
        : [{ from: moduleRequest.value, names: [importName.name ?? "*"], typeOnly: isType, dynamic: false }],
    ),
  );
}

function dynamicImports({ module }: Parsed, text: string): ImportOf[] {
  return module.dynamicImports.flatMap(({ moduleRequest }) => {
    const from = /^["'](.+)["']$/.exec(text.slice(moduleRequest.start, moduleRequest.end))?.[1];
    return from === undefined ? [] : [{ from, names: ["*"], typeOnly: false, dynamic: true }];
  });
}

function exportsOf({ module }: Parsed, text: string): ExportOf[] {
  return module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ exportName, isType }) => {
      const name = exportName.name ?? (exportName.kind === "Default" ? "default" : undefined);
      return name === undefined ? [] : [{ name, typeOnly: isType, usedInside: countWord(text, name) > 1 }];
    }),
  );
}

function countWord(text: string, word: string): number {
  return text.match(new RegExp(`\\b${word.replaceAll("$", "\\$")}\\b`, "g"))?.length ?? 0;
}

/** Functions with a name, methods and constructors; callbacks count as part of what they stand in. */
function functionsOf({ program }: Parsed, text: string): FunctionOf[] {
  const found: FunctionOf[] = [];
  const add = (node: Node, name: string, kind: FunctionOf["kind"]) =>
    found.push({ name, kind, lines: text.slice(node.start, node.end).split("\n").length });
  new Visitor({
    FunctionDeclaration: (node) => add(node, node.id?.name ?? "default", "function"),
    VariableDeclarator: (node) => {
      const isFunction = /^(ArrowFunction|Function)Expression$/.test(node.init?.type ?? "");
      if (isFunction && node.id.type === "Identifier") add(node, node.id.name, "function");
    },
    MethodDefinition: (node) =>
      add(
        node,
        text.slice(node.key.start, node.key.end),
        node.kind === "constructor" ? "constructor" : "function",
      ),
    CallExpression: (node) => {
      const isSuite = /^describe\b/.test(text.slice(node.callee.start, node.callee.end));
      const callback = node.arguments.at(-1);
      if (callback?.type === "ArrowFunctionExpression")
        add(callback, "callback", isSuite ? "suite" : "function");
    },
  }).visit(program);
  return found;
}

function declaredNames({ program }: Parsed): string[] {
  const names: string[] = [];
  const add = (node: { type: string; name?: string } | null) => {
    if (node?.type === "Identifier" && node.name !== undefined) names.push(node.name);
  };
  const addParameters = ({ params }: { params: readonly { type: string }[] }) => params.forEach(add);
  new Visitor({
    VariableDeclarator: (node) => add(node.id),
    FunctionDeclaration: (node) => {
      add(node.id);
      addParameters(node);
    },
    FunctionExpression: addParameters,
    ArrowFunctionExpression: addParameters,
  }).visit(program);
  return names;
}

function comparedKinds({ program }: Parsed): string[] {
  const found: string[] = [];
  const isKind = (node: { type: string; property?: { type: string; name?: string }; name?: string }) =>
    node.name === "kind" || (node.type === "MemberExpression" && node.property?.name === "kind");
  const addText = (node: { type: string; value?: unknown } | null) => {
    if (node?.type === "Literal" && typeof node.value === "string") found.push(node.value);
  };
  new Visitor({
    BinaryExpression: ({ left, right }) => {
      if (isKind(left as Parameters<typeof isKind>[0])) addText(right);
      if (isKind(right as Parameters<typeof isKind>[0])) addText(left);
    },
    SwitchStatement: ({ discriminant, cases }) => {
      if (isKind(discriminant as Parameters<typeof isKind>[0])) for (const one of cases) addText(one.test);
    },
  }).visit(program);
  return found;
}
