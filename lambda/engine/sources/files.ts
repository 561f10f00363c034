import { type FilesConfig, filesConfigSchema } from "../files/config.ts";
import { exportTar } from "../files/export-tar.ts";
import { INDEX_PREFIX } from "../files/index-file.ts";
import { VERSIONS } from "../files/limits.ts";
import { fileScopes } from "../files/selection.ts";
import { FilesSession } from "../files/session.ts";
import type { FileSystem } from "../host/file-system.ts";
import { LocalFiles } from "../host/local-files.ts";
import { SourceError } from "../model/errors.ts";
import { loadContentHash } from "../stream/content-hash.ts";
import type { Context, Session, Source } from "./source.ts";

/** Folders of the host by SFTP: uploads, and whatever else lies there as files. */
export const files: Source<FilesConfig> = {
  kind: "files",
  description: {
    title: "Folders of files by SFTP",
    covers: [
      "files, folders and links with mode, owner and time; names in any bytes; empty folders; sparse files",
      "only new and changed files are read and stored; a pack is an archive of tar",
      "a whole tree, a folder or one file, in place or beside; one `tar.zst` for stock tar",
    ],
    leavesOut: [
      "sockets, pipes and devices: listed and reported",
      "extended attributes, ACLs, and times finer than a second: SFTP does not tell them",
      "hard links come back as files of their own",
      "secrets: digests and sizes in a manifest, which more people may read than the data, let them guess what a short file such as `.env` holds",
      "a change that keeps size and time is seen when the pack is stored again, at the latest after `fullEvery`",
    ],
  },
  config: filesConfigSchema,
  needs: {
    compute: "fargate",
    stage: "files",
    keepsLog: false,
    reuse: { rereads: INDEX_PREFIX },
    drill: { majors: [VERSIONS.major], diskGiBOf: (config) => filesConfigSchema.parse(config).drillDiskGiB },
  },
  scopes: fileScopes,
  open,
  writeExternal: exportTar,
  externalFile: {
    suffix: "tar.gz",
    codec: "gzip",
    byHand: [
      "# Beside the live folders; each is below the name that estate.yaml gives it. As root, owners come back, too.",
      'install -d -m 700 ./restored && tar --extract --gzip --numeric-owner --file "$COPY" --directory ./restored',
    ],
  },
  drillConfig: () => {
    throw new Error("files are drilled in a folder");
  },
  drillFolderConfig: (scratchFolder) => ({ ...NOTHING_CONFIGURED, scratchFolder }),
};

/** A drill knows no folder of the host: all that it finds in its own is what was restored. */
const NOTHING_CONFIGURED: FilesConfig = {
  folders: {},
  exclude: [],
  forbidden: "fail",
  mayBecomeEmpty: false,
  drillDiskGiB: 0,
};

async function open(config: FilesConfig, context: Context): Promise<Session> {
  const fileSystem = await openFiles(config, context);
  return new FilesSession({ config, context, files: fileSystem, newContent: await loadContentHash() });
}

async function openFiles(config: FilesConfig, { host }: Context): Promise<FileSystem> {
  if (config.scratchFolder !== undefined) return new LocalFiles();
  if (host.files !== undefined) return await host.files();
  throw new SourceError("UNSUPPORTED", "Files are reached by SSH only, and there is no SSH connection here.");
}
