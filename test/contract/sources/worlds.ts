import type { StartWorld } from "./world.ts";
import { startCertificatesWorld } from "./worlds/certificates.ts";
import { startConfigWorld } from "./worlds/config.ts";
import { startFilesWorld } from "./worlds/files.ts";
import { startGitWorld } from "./worlds/git.ts";
import { startHttpExportWorld } from "./worlds/http-export.ts";
import { startMongodbWorld } from "./worlds/mongodb.ts";
import { startN8nWorld } from "./worlds/n8n.ts";
import { startQdrantWorld } from "./worlds/qdrant.ts";
import { startRedisWorld } from "./worlds/redis.ts";
import { startS3World } from "./worlds/s3.ts";

/** The world of every registered kind; the laws fail for a kind that has none. */
export const worlds: Readonly<Record<string, StartWorld>> = {
  mongodb: startMongodbWorld,
  redis: startRedisWorld,
  s3: startS3World,
  files: startFilesWorld,
  qdrant: startQdrantWorld,
  certificates: startCertificatesWorld,
  config: startConfigWorld,
  git: startGitWorld,
  n8n: startN8nWorld,
  "http-export": startHttpExportWorld,
};
