import { delimiter, dirname, resolve } from "node:path";
import type { ContainerPlan } from "./task.ts";

const MODULES = resolve(import.meta.dirname, "../../node_modules");
const IMAGE_MODULES = "/var/runtime/node_modules";
const IMAGE_NODE = /^(\/var\/lang\/bin\/)?node$/;

/**
 * Plays the image of the workers, the base image of Lambda's Node 24: its `node` is the one of this project,
 * its AWS SDK under /var/runtime/node_modules is the project's. Nothing of this machine's environment gets in.
 */
export function playImage(
  worker: ContainerPlan,
  folder: string,
  environment: Readonly<Record<string, string>>,
): { command: string; args: string[]; env: Record<string, string> } {
  const [program = "node", ...args] = worker.command;
  return {
    command: IMAGE_NODE.test(program) ? process.execPath : program,
    args: args.map(ontoThisMachine),
    env: {
      PATH: [dirname(process.execPath), "/usr/bin", "/bin"].join(delimiter),
      HOME: folder,
      TMPDIR: folder,
      LANG: "C.UTF-8",
      AWS_EXECUTION_ENV: "AWS_ECS_FARGATE",
      ...mapValues(environment, ontoThisMachine),
    },
  };
}

function ontoThisMachine(text: string): string {
  return text.replaceAll(IMAGE_MODULES, MODULES);
}

function mapValues(record: Readonly<Record<string, string>>, change: (value: string) => string) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
