import type { StartWorld } from "./world.ts";
import { startMongodbWorld } from "./worlds/mongodb.ts";

/** The world of every registered kind; the laws fail for a kind that has none. */
export const worlds: Readonly<Record<string, StartWorld>> = {
  mongodb: startMongodbWorld,
};
