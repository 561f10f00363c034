import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { DEFAULT_WAITS, type MachineBindings } from "../runbooks/bindings.ts";
import { RUNBOOKS } from "../runbooks/index.ts";
import type { Runbook } from "../runbooks/runbook.ts";
import type { Machine, State, States, TaskState } from "../runbooks/steps/asl.ts";

export const README_PATH = fileURLToPath(new URL("../runbooks/README.md", import.meta.url));

/** The names of things instead of their ARNs: the pages are the same for every deployment. */
const BINDINGS: MachineBindings = {
  functions: { writer: "writer", checker: "checker", restorer: "restorer", approver: "approver" },
  tasks: {
    clusterArn: "cluster",
    subnetIds: ["subnet"],
    securityGroupId: "security-group",
    assignPublicIp: "ENABLED",
    containerName: "worker",
    definitions: { writer: "writer", checker: "checker", restorer: "restorer" },
    drill: {},
  },
  completeMachineArn: "the machine Complete disaster recovery",
  completeRunbook: "complete-disaster-recovery",
  recoverMachineArn: "recover",
  drillMachineArn: "drill",
  waits: DEFAULT_WAITS,
};

/** The page about the runbooks, made from the machines themselves. */
export function renderReadme(runbooks: readonly Runbook[] = RUNBOOKS): string {
  const parts = [
    "# Runbooks",
    "Made from the machines by `node scripts/runbooks-readme.ts`; a test compares the two. The waits are those of an estate that sets none.",
    table(
      ["runbook", "what it does", "started by"],
      runbooks.map(({ name, title, startedBy }) => [`[${name}](#${name})`, title, startedBy]),
    ),
    ...runbooks.map(renderRunbook),
  ];
  return `${parts.join("\n\n")}\n`;
}

function renderRunbook(runbook: Runbook): string {
  const machine = runbook.machine(BINDINGS);
  return [
    `## ${runbook.name}`,
    machine.Comment,
    "### At three in the morning",
    runbook.walk.map((sentence, index) => `${index + 1}. ${sentence}`).join("\n"),
    "### Inputs",
    table(
      ["input", "what it means"],
      runbook.inputs.map(({ input, means }) => [`\`${JSON.stringify(input)}\``, means]),
    ),
    "### Steps",
    renderPicture(machine),
    renderSteps(machine.States),
    "### Ends",
    renderEnds(machine.States),
  ].join("\n\n");
}

/** The ways of a run where nothing fails. */
function renderPicture(machine: Machine): string {
  const states = flatten(machine.States);
  const ids = new Map(states.map(([name], index) => [name, `s${index}`]));
  const node = ([name, state]: Named) => `  ${ids.get(name)}${boxOf(name, state)}`;
  const drawn = states.filter(([name, state]) => state.Type !== "Fail" && isOnGoodWay(machine, name));
  const names = new Set(drawn.map(([name]) => name));
  const arrows = drawn.flatMap(([name, state]) =>
    goodWays(state)
      .filter((next) => names.has(next))
      .map((next) => `  ${ids.get(name)} --> ${ids.get(next)}`),
  );
  return ["```mermaid", "flowchart TD", ...drawn.map(node), ...new Set(arrows), "```"].join("\n");
}

function boxOf(name: string, state: State): string {
  if (state.Type === "Choice") return `{"${name}"}`;
  return state.Type === "Succeed" ? `(["${name}"])` : `["${name}"]`;
}

function isOnGoodWay(machine: Machine, wanted: string): boolean {
  const states = new Map(flatten(machine.States));
  const seen = new Set<string>();
  const queue = [machine.StartAt];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const state = states.get(name);
    if (state === undefined || seen.has(name)) continue;
    seen.add(name);
    queue.push(...goodWays(state));
  }
  return seen.has(wanted);
}

function goodWays(state: State): string[] {
  if (state.Type === "Choice") return [...state.Choices.map(({ Next }) => Next), state.Default];
  const inside = state.Type === "Map" ? [state.ItemProcessor.StartAt] : [];
  return "Next" in state ? [...inside, state.Next] : inside;
}

function renderSteps(states: States): string {
  const rows = flatten(states)
    .filter(([, { Type }]) => Type !== "Succeed" && Type !== "Fail")
    .map(([name, state]) => [
      name,
      state.Comment,
      state.Type === "Task" ? limitsOf(state) : "",
      state.Type === "Task" ? repeatsOf(state) : "",
      "Catch" in state ? [...new Set(state.Catch.map(({ Next }) => Next))].join(", or ") : "",
    ]);
  return table(["step", "what happens", "waits", "is repeated after", "when it fails"], rows);
}

function renderEnds(states: States): string {
  const rows = flatten(states).flatMap(([name, state]): string[][] => {
    if (state.Type === "Succeed") return [[name, "success", state.Comment]];
    if (state.Type !== "Fail") return [];
    const error = state.Error.startsWith("{%") ? "the error of the step" : `\`${state.Error}\``;
    return [[name, `failure: ${error}`, state.Comment]];
  });
  return table(["end", "status", "what it means"], rows);
}

function limitsOf({ TimeoutSeconds, HeartbeatSeconds }: TaskState): string {
  const longest = spoken(TimeoutSeconds);
  return HeartbeatSeconds === undefined ? longest : `${longest}, silent ${spoken(HeartbeatSeconds)}`;
}

function repeatsOf({ Retry }: TaskState): string {
  const repeats = Retry.filter(({ MaxAttempts }) => MaxAttempts > 0);
  return repeats
    .map(({ ErrorEquals, MaxAttempts }) => `${familiesOf(ErrorEquals).join(", ")} ×${MaxAttempts}`)
    .join("; ");
}

/** `Lambda.ServiceException` and its like as one: `Lambda.*`. */
function familiesOf(errors: readonly string[]): string[] {
  return [...new Set(errors.map((error) => error.replace(/\..*$/, " faults")))];
}

function spoken(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

type Named = readonly [name: string, state: State];

function flatten(states: States): Named[] {
  return Object.entries(states).flatMap(([name, state]): Named[] => [
    [name, state],
    ...(state.Type === "Map" ? flatten(state.ItemProcessor.States) : []),
  ]);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

if (import.meta.main) await writeFile(README_PATH, renderReadme());
