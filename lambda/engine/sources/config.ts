import { type ConfigFilesConfig, configFilesSchema } from "../config-files/config.ts";
import { MAJOR } from "../config-files/dump.ts";
import { ConfigFilesSession } from "../config-files/session.ts";
import { LocalFiles } from "../host/local-files.ts";
import { SourceError } from "../model/errors.ts";
import type { Context, Session, Source } from "./source.ts";

/** The least that Fargate gives a task besides its own 20. Source: API reference of ECS, EphemeralStorage. */
const DRILL_DISK_GIB = 21;

/** Configuration and secrets of the host, by SFTP. */
export const config: Source<ConfigFilesConfig> = {
  kind: "config",
  description: {
    title: "Configuration and secrets: .env, compose files, nginx, cron, any named path",
    covers: [
      "files and whole folders by their paths on the host, with mode, owner and time; links below a folder as links",
      "a path that is not there fails the backup: a backup without the `.env` is none",
      "one artifact of a size that tells nothing, and digests keyed by a salt that only the artifact has: manifests tell paths, modes and times, and nothing by which a secret could be guessed",
      "every file that Docker Compose would read is parsed, and every variable that a `.env.example` names is looked for in the `.env` files beside it; what is wrong is noted by name, and no drill proves it",
      "whether the SSH user may give the files to their owners is tried before anything is changed",
    ],
    leavesOut: [
      "sockets, pipes and devices below a folder; access-control lists and extended attributes",
      "files above 16 MiB, more than 20,000 entries, names that are no UTF-8: they are refused by name",
      "whether nginx or an application accepts what a file says",
    ],
  },
  config: configFilesSchema,
  needs: {
    compute: "lambda",
    stage: "configuration",
    keepsLog: false,
    secrecy: "secret",
    drill: { majors: [MAJOR], diskGiBOf: () => DRILL_DISK_GIB },
  },
  open,
  drillConfig: () => {
    throw new Error("configuration is drilled in a folder");
  },
  drillFolderConfig: (scratchFolder) => ({ paths: [], scratchFolder }),
};

async function open(options: ConfigFilesConfig, context: Context): Promise<Session> {
  const { host, clock, signal, random, progress } = context;
  const files = options.scratchFolder === undefined ? await host.files?.() : new LocalFiles();
  if (files === undefined)
    throw new SourceError(
      "UNSUPPORTED",
      "Configuration is reached by SSH only, and there is no SSH connection here.",
    );
  return new ConfigFilesSession({ config: options, files, clock, random, signal, progress });
}
