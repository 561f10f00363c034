import { type MongodbConfig, mongodbConfigSchema } from "../mongodb/config.ts";
import { readExternal } from "../mongodb/import/read-external.ts";
import { writeExternal } from "../mongodb/import/write-external.ts";
import { openMongodb } from "../mongodb/open.ts";
import { scopes } from "../mongodb/scope/scopes.ts";
import type { Source } from "./source.ts";

/** MongoDB 5 to 8, replica set or standalone. A standalone keeps no log: its dump is not one moment. */
export const mongodb: Source<MongodbConfig> = {
  kind: "mongodb",
  description: {
    title: "MongoDB 5 to 8",
    covers: [
      "documents byte for byte, of every BSON type; options, validators, indexes, views, capped and time-series collections",
      "users and roles",
      "one moment, by the oplog that was written meanwhile; slices of it bring any second back",
      "dumps of mongodump, imported",
      "replica sets of several members, read from a secondary that is fresh enough, all through one SSH connection",
    ],
    leavesOut: [
      "a standalone server keeps no oplog: its dump is as long as it took, and there are no slices; collections that did not change are not stored again",
      "users and roles between two full backups: slices do not bring their changes back",
      "sharded clusters; the databases `config` and `local`",
    ],
  },
  config: mongodbConfigSchema,
  needs: {
    compute: "fargate",
    stage: "databases",
    keepsLog: true,
    reuse: { only: "without-log" },
    drill: {
      image: "mongo",
      majors: ["5", "6", "7", "8"],
      port: 27017,
      command: ["mongod", "--bind_ip", "127.0.0.1", "--wiredTigerCacheSizeGB", "0.5"],
    },
  },
  scopes,
  open: openMongodb,
  readExternal,
  writeExternal,
  externalFile: {
    suffix: "archive.gz",
    codec: "gzip",
    byHand: [
      "# Into an empty server, or with --drop onto what is there. It asks for the password; a user of its own: docs/host.md.",
      "# Of a standalone server leave out --oplogReplay.",
      'mongorestore --host 127.0.0.1 --username "$MONGO_USER" --authenticationDatabase admin --gzip --archive="$COPY" --oplogReplay',
    ],
  },
  drillConfig: ({ host, port: drillPort }) => ({ reach: { via: "direct", host, port: drillPort } }),
};
