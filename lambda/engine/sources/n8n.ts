import type { FileSystem } from "../host/file-system.ts";
import { LocalFiles } from "../host/local-files.ts";
import { ConfigError, SourceError } from "../model/errors.ts";
import { type N8nConfig, n8nConfigSchema } from "../n8n/config.ts";
import { VERSIONS } from "../n8n/limits.ts";
import { N8nSession } from "../n8n/session.ts";
import { loadContentHash } from "../stream/content-hash.ts";
import type { Context, Purpose, Session, Source } from "./source.ts";

/** The automations of n8n, with a database of SQLite. */
export const n8n: Source<N8nConfig> = {
  kind: "n8n",
  description: {
    title: "n8n with SQLite",
    covers: [
      "the database of one moment, while n8n runs: workflows and their history, credentials (encrypted, as they are), tags, users, projects, settings, data tables",
      "the encryption key: it lies in AWS Secrets Manager, and every dump and every drill opens every credential with it; another key is no backup",
      "workflows and credentials as n8n's own import takes them, in folders of their own",
      "a recovery puts the whole database in its place, or into another one that `targets` names",
    ],
    leavesOut: [
      "executions: their tables come back empty, and their numbers go on",
      "n8n with Postgres, and files beside the database (binary data, community nodes, the file `config`): take the folder as `files` where you need them",
      "one workflow alone: `backup-estate download`, then `n8n import:workflow`",
    ],
  },
  config: n8nConfigSchema,
  needs: {
    compute: "fargate",
    stage: "files",
    keepsLog: false,
    drill: {
      majors: [VERSIONS.major],
      diskGiBOf: (config) => n8nConfigSchema.parse(config).drillDiskGiB,
      secretsOf: (config) => [n8nConfigSchema.parse(config).encryptionKeySecret],
    },
  },
  open,
  drillConfig: () => {
    throw new Error("n8n is drilled in a folder");
  },
  drillFolderConfig: (folder, config) => ({
    ...requireConfig(config),
    database: `${folder}/database.sqlite`,
    copy: "sftp",
    onDisk: true,
  }),
};

function requireConfig(config: unknown): N8nConfig {
  if (config !== undefined) return n8nConfigSchema.parse(config);
  throw new ConfigError(
    "INVALID_CONFIG",
    "The estate names this source of n8n no more, so the secret with its encryption key is not known: without it no drill shows that credentials can be read. Name the source in estate.yaml again, or restore with `recover`.",
  );
}

async function open(config: N8nConfig, context: Context, purpose: Purpose): Promise<Session> {
  const encryptionKey = (await context.secret(config.encryptionKeySecret)).trim();
  const newContent = await loadContentHash();
  const files = await openFiles(config, context);
  return await N8nSession.open({ config, context, purpose, files, encryptionKey, newContent });
}

async function openFiles(config: N8nConfig, { host }: Context): Promise<FileSystem> {
  if (config.onDisk === true) return new LocalFiles();
  if (host.files !== undefined) return await host.files();
  throw new SourceError("UNSUPPORTED", "n8n is reached by SSH only, and there is no SSH connection here.");
}
