import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { type Mongod, startMongod } from "../servers/mongod.ts";
import type { ContainerPlan } from "./task.ts";

/** Arguments of mongod that name the container's own places; the agent has its own. */
const OWN_ARGUMENTS = new Set(["--port", "--bind_ip", "--dbpath", "--wiredTigerCacheSizeGB"]);

/**
 * Starts the real server of a sidecar `mongo:<major>` on a free port.
 * Throws when the server that this machine has is of another major version than the image asks for.
 */
export async function startSidecar(
  plan: ContainerPlan,
  folder: string,
  signal: AbortSignal,
): Promise<Mongod> {
  const own = join(folder, plan.name);
  await mkdir(own, { recursive: true });
  const server = await startMongod({ folder: own, signal, extraArguments: extraArguments(plan.command) });
  const wanted = /:(\d+)/.exec(plan.image)?.[1];
  const got = await askMajor(server.uri);
  if (wanted === got) return server;
  await server.kill();
  throw new Error(`The image ${plan.image} asks for MongoDB ${wanted}, this machine has ${got}.`);
}

function extraArguments(command: readonly string[]): string[] {
  const list = command[0] === "mongod" ? command.slice(1) : command;
  return list.filter((argument, index) => {
    const flag = argument.split("=")[0] ?? "";
    const ownsPrevious = OWN_ARGUMENTS.has(list[index - 1] ?? "");
    return argument !== "--bind_ip_all" && !OWN_ARGUMENTS.has(flag) && !ownsPrevious;
  });
}

async function askMajor(uri: string): Promise<string> {
  await using client = new MongoClient(uri, { serverSelectionTimeoutMS: 5_000 });
  const { version } = await client.db("admin").command({ buildInfo: 1 });
  return String(version).split(".")[0] ?? "";
}
