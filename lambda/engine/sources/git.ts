import { type GitConfig, gitConfigSchema } from "../git/config.ts";
import { DRILL_REPOSITORY } from "../git/daemon.ts";
import { GitDrillSession } from "../git/drill-session.ts";
import { MAJOR } from "../git/dump.ts";
import { INDEX_ITEM } from "../git/index-file.ts";
import { GitSession } from "../git/session.ts";
import { SourceError } from "../model/errors.ts";
import type { Context, Session, Source } from "./source.ts";

/** Of git's own protocol. Source: IANA, "git". */
const PORT = 9418;

const PLACE = `/srv${DRILL_REPOSITORY}`;

/** One bare repository that whoever reaches the task's own network interface may push to: nobody else than the drill does. */
const SERVE = [
  `git init --quiet --bare ${PLACE}`,
  `git -C ${PLACE} config gc.auto 0`,
  `exec git daemon --reuseaddr --export-all --enable=receive-pack --base-path=/srv --listen=127.0.0.1 --port=${PORT}`,
].join(" && ");

/** Repositories of the host by its own git, as bundles. */
export const git: Source<GitConfig> = {
  kind: "git",
  description: {
    title: "Git repositories",
    covers: [
      "every ref, HEAD, and every object behind them, bare or with a working tree, as bundles of the host's own git; one moment for each repository",
      "incremental: only what is new since the backup before is read and sent; a history that was rewritten by force is followed as long as git has the objects before, else read whole",
      "a drill pushes the bundles to a real git server, which digests every object and follows all that the refs reach, and compares the refs",
      "a repository without commits",
    ],
    leavesOut: [
      "working trees and what is not committed, hooks, settings, reflogs: a source of `files` of the folder has them",
      "repositories of submodules, which are named in a note; large files of Git LFS, of which only the pointers are there",
      "refs that only stand for others, such as `refs/remotes/origin/HEAD`, but for HEAD itself; repositories with ids by SHA-256, which are refused",
      "repositories that are reached by a URL only: name them on the host that serves them",
      "shallow clones, which have a part of their history only: they are refused by name",
    ],
  },
  config: gitConfigSchema,
  needs: {
    compute: "fargate",
    stage: "files",
    keepsLog: false,
    reuse: { rereads: INDEX_ITEM },
    // An official image that has git and a shell.
    drill: { image: "buildpack-deps", majors: [MAJOR], port: PORT, command: ["sh", "-c", SERVE] },
  },
  open,
  drillConfig: (daemon) => ({ repositories: {}, daemon }),
};

async function open(config: GitConfig, context: Context): Promise<Session> {
  const { host, clock, signal, random, progress } = context;
  if (config.daemon !== undefined) return new GitDrillSession({ server: config.daemon, clock, signal });
  const files = await host.files?.();
  if (files === undefined)
    throw new SourceError(
      "UNSUPPORTED",
      "Repositories are reached by SSH only, and there is no SSH connection here.",
    );
  return await GitSession.open({ config, host, files, clock, signal, random, progress });
}
