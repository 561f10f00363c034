import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { startGitDaemon } from "../servers/git-daemon.ts";
import { startMongod } from "../servers/mongod.ts";
import { startObjectStore } from "../servers/object-store.ts";
import { redisVersion, startRedis } from "../servers/redis.ts";
import type { ContainerPlan } from "./task.ts";

/** A real server that plays a container beside a worker. */
export interface SidecarServer {
  readonly port: number;
  kill(): Promise<void>;
}

/** How this machine plays one official image. */
interface Player {
  readonly what: string;
  /** Arguments, with a value each, that name the container's own places; the agent has its own. */
  readonly ownArguments: readonly string[];
  start(folder: string, extraArguments: readonly string[], signal: AbortSignal): Promise<SidecarServer>;
  /** Of the server that this machine has; left out where any serves. */
  askMajor?(server: SidecarServer): Promise<string>;
}

const PLAYERS: Readonly<Record<string, Player>> = {
  mongo: {
    what: "MongoDB",
    ownArguments: ["--port", "--bind_ip", "--dbpath", "--wiredTigerCacheSizeGB"],
    start: (folder, extraArguments, signal) => startMongod({ folder, signal, extraArguments }),
    askMajor: async ({ port }) => {
      await using client = new MongoClient(`mongodb://127.0.0.1:${port}/`, {
        serverSelectionTimeoutMS: 5_000,
      });
      const { version } = await client.db("admin").command({ buildInfo: 1 });
      return String(version).split(".")[0] ?? "";
    },
  },
  redis: {
    what: "Redis",
    ownArguments: ["--port", "--bind", "--dir"],
    start: (folder, extraArguments, signal) => startRedis({ folder, signal, extraArguments }),
    askMajor: async () => (await redisVersion()).split(".")[0] ?? "",
  },
  "buildpack-deps": {
    what: "git",
    ownArguments: [],
    // Its command is a line for a shell, which makes the repository and serves it; so does this.
    start: (folder, _line, signal) => startGitDaemon(folder, signal),
    // The image's tag names no version of git, and any serves.
    askMajor: async () => "stable-scm",
  },
  minio: {
    what: "MinIO",
    ownArguments: [],
    start: (folder, _command, signal) => startObjectStore(folder, signal),
    // Releases are named by their time, and any takes what a drill puts into it.
  },
};

/**
 * Starts the real server of a sidecar such as `mongo:<major>` on a free port.
 * Throws when the server that this machine has is of another major version than the image asks for.
 */
export async function startSidecar(
  plan: ContainerPlan,
  folder: string,
  signal: AbortSignal,
): Promise<SidecarServer> {
  const [, image = "", wanted] = /([a-z-]+):([\w.-]+)$/.exec(plan.image) ?? [];
  const player = PLAYERS[image];
  if (player === undefined) throw new Error(`This machine has no server for the image ${plan.image}.`);
  const own = join(folder, plan.name);
  await mkdir(own, { recursive: true });
  const server = await player.start(own, extraArguments(plan.command, player.ownArguments), signal);
  const got = await player.askMajor?.(server);
  if (got === undefined || wanted === got) return server;
  await server.kill();
  throw new Error(`The image ${plan.image} asks for ${player.what} ${wanted}, this machine has ${got}.`);
}

/** What the command says beyond the program's name and the places. */
function extraArguments(command: readonly string[], ownArguments: readonly string[]): string[] {
  const list = command[0]?.startsWith("-") ? command : command.slice(1);
  return list.filter((argument, index) => {
    const flag = argument.split("=")[0] ?? "";
    const ownsPrevious = ownArguments.includes(list[index - 1] ?? "");
    return argument !== "--bind_ip_all" && !ownArguments.includes(flag) && !ownsPrevious;
  });
}
