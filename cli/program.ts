import { Command, InvalidArgumentError, Option } from "commander";
import { CADENCES } from "../lambda/engine/model/cadence.ts";
import { estateJsonSchema } from "../lib/config/json-schema.ts";
import { downloadBackup } from "./download.ts";
import { EXIT, EXIT_CODES_HELP } from "./exit-codes.ts";
import { type ExportOptions, exportToFile } from "./export.ts";
import { formatJson } from "./format.ts";
import { showHostProcedure } from "./host-procedure.ts";
import { type ImportOptions, importExternal } from "./import.ts";
import { listBackups } from "./list.ts";
import { type RecoveryOrderOptions, showRecoveryOrder } from "./recovery-order.ts";
import { runCommand } from "./run-command.ts";
import { listSets } from "./sets.ts";
import { showBackup } from "./show.ts";
import { showStatus } from "./status.ts";
import { validateEstate } from "./validate.ts";
import type { CliWorld } from "./world.ts";

const LISTED_DEFAULT = 20;
const RPO_DEFAULT_MINUTES = 60;

/** The operator's commands. They end by an error, or by `world.exitWith`; nothing here ends the process. */
export function makeProgram(world: CliWorld): Command {
  const program = new Command("backup-estate")
    .description("Looks after a backup estate: its configuration, its vault and its runbooks.")
    .configureOutput({
      writeOut: (text) => world.print(text.trimEnd()),
      writeErr: (text) => world.tell(text.trimEnd()),
    })
    .exitOverride()
    .showHelpAfterError("Add --help for the options.")
    .addHelpText(
      "after",
      `\nCredentials and endpoint come from the environment, as for the AWS CLI.\n\n${EXIT_CODES_HELP}`,
    );
  for (const command of [
    validateCommand(world),
    schemaCommand(world),
    statusCommand(world),
    listCommand(world),
    showCommand(world),
    setsCommand(world),
    recoveryOrderCommand(world),
    downloadCommand(world),
    importCommand(world),
    exportCommand(world),
    hostProcedureCommand(world),
    runCommand(world),
  ])
    program.addCommand(command.copyInheritedSettings(program));
  return program;
}

function validateCommand(world: CliWorld): Command {
  return new Command("validate")
    .description("Check estate.yaml and print what it means.")
    .argument("<estate.yaml>")
    .option("--json", "the resolved estate, the notes and the next times as JSON")
    .action((path: string, options) => validateEstate(path, options, world))
    .addHelpText("after", example("validate estate.yaml"));
}

function schemaCommand(world: CliWorld): Command {
  return new Command("schema")
    .description("Print the JSON schema of estate.yaml, for editors.")
    .action(() => world.print(formatJson(estateJsonSchema())))
    .addHelpText("after", example("schema > estate.schema.json"));
}

function statusCommand(world: CliWorld): Command {
  return withVault(new Command("status"))
    .description(
      "The newest verified backup of every source against the RPO; exit code 3 when one misses it.",
    )
    .option("--config <estate.yaml>", "take sources and RPO from it")
    .option("--rpo-minutes <number>", "without --config", parseCount, RPO_DEFAULT_MINUTES)
    .option("--json", "as JSON")
    .action((options) => showStatus(options, world))
    .addHelpText("after", example("status --config estate.yaml"));
}

function listCommand(world: CliWorld): Command {
  return withVault(new Command("list"))
    .description("The backups in the vault, newest first.")
    .option("--source <name>", "of one source only")
    .addOption(new Option("--cadence <cadence>", "of one cadence only").choices(CADENCES))
    .option("--limit <number>", "so many newest of each source and cadence", parseCount, LISTED_DEFAULT)
    .option("--json", "as JSON")
    .action((options) => listBackups(options, world))
    .addHelpText("after", example("list --source mongodb --cadence daily"));
}

function showCommand(world: CliWorld): Command {
  return withVault(new Command("show"))
    .description("One backup: what it holds, every check and every drill.")
    .argument("<backupId>")
    .option("--json", "manifest and records as JSON")
    .action((backupId: string, options) => showBackup(backupId, options, world))
    .addHelpText("after", example("show 20261123T020004123Z-7k2m9qx4ta"));
}

function setsCommand(world: CliWorld): Command {
  return withVault(new Command("sets"))
    .description(
      "The backup sets in the vault, newest first: what belongs together, and how far apart in time.",
    )
    .option("--limit <number>", "so many newest of each cadence", parseCount, LISTED_DEFAULT)
    .option("--json", "as JSON")
    .action((options) => listSets(options, world))
    .addHelpText("after", example("sets --limit 5"));
}

function recoveryOrderCommand(world: CliWorld): Command {
  return withVault(new Command("recovery-order"))
    .description(
      "The set that a complete recovery takes, the newest whose every source is verified, and the commands in their order.",
    )
    .argument("[setId]", "this set instead of the newest")
    .option("--at <time>", "the newest that holds nothing later", parseMoment)
    .option("--without <source...>", "do without these sources, such as one that failed in the set")
    .option("--config <estate.yaml>", "take the sources from it; without it, all of the vault")
    .option("--json", "as JSON")
    .action((setId: string | undefined, options: RecoveryOrderOptions) =>
      showRecoveryOrder(setId, options, world),
    )
    .addHelpText(
      "after",
      example(
        "recovery-order --config estate.yaml",
        "recovery-order --at 2026-11-23T02:30:00Z --without uploads",
      ),
    )
    .addHelpText("after", "\nIt changes nothing, and needs no more than to read the vault.");
}

function downloadCommand(world: CliWorld): Command {
  return withVault(new Command("download"))
    .description("Write a backup into a folder, proven byte for byte; a repeat fetches what is missing.")
    .argument("<backupId>")
    .argument("<folder>")
    .option("--decompress", "write plain files instead of the stored ones")
    .action((backupId: string, folder: string, options) => downloadBackup(backupId, folder, options, world))
    .addHelpText("after", example("download 20261123T020004123Z-7k2m9qx4ta ./restored --decompress"))
    .addHelpText(
      "after",
      "\nWithout this project: zstd -d --rm on the *.zst files, then the source's own tool, e.g. mongorestore restored/dump.",
    );
}

function importCommand(world: CliWorld): Command {
  return withVault(new Command("import"))
    .description("Take a dump of the source's own tools into the vault, as a manual backup.")
    .argument(
      "<dump>",
      "archive file, folder, s3://bucket/key, or s3://bucket/prefix/ with a slash at its end",
    )
    .requiredOption(
      "--config <estate.yaml>",
      "says the source, how long manual backups are kept, and the codec",
    )
    .option("--source <name>", "whose backup it becomes; needed where several could be")
    .option("--taken-at <time>", "the moment that the data are of, where no oplog tells it", parseMoment)
    .option("--server-version <version>", "of the server that was dumped, where the dump does not say it")
    .option("--json", "as JSON")
    .action((place: string, options: ImportOptions) => importExternal(place, options, world))
    .addHelpText(
      "after",
      example(
        "import mongo-2026-11-23.archive.gz --config estate.yaml --taken-at 2026-11-23T02:00:00Z",
        "import s3://old-backups/dump/ --config estate.yaml --server-version 7.0.15",
      ),
    )
    .addHelpText(
      "after",
      "\nThe dump is read twice: first to prove it whole, then to store it. Rights that it needs: docs/formats.md.",
    );
}

function exportCommand(world: CliWorld): Command {
  return withVault(new Command("export"))
    .description("Write a backup as one archive that the source's own tools restore, proven byte for byte.")
    .argument("<backupId>")
    .argument("<file>", "packed by its ending: .gz, .zst, or else not at all")
    .option("--json", "as JSON")
    .action((backupId: string, path: string, options: ExportOptions) =>
      exportToFile(backupId, path, options, world),
    )
    .addHelpText("after", example("export 20261123T020004123Z-7k2m9qx4ta mongo.archive.gz"))
    .addHelpText("after", "\nThen, for MongoDB: mongorestore --gzip --archive=mongo.archive.gz");
}

function hostProcedureCommand(world: CliWorld): Command {
  return new Command("host-procedure")
    .description("Print how to recover on the host alone, from its own copies, when AWS cannot be reached.")
    .argument("<estate.yaml>")
    .action((path: string) => showHostProcedure(path, world))
    .addHelpText("after", example("host-procedure estate.yaml > on-the-host.md"))
    .addHelpText("after", "\nIt reads estate.yaml alone. Print it before you need it.");
}

function withVault(command: Command): Command {
  return command
    .option("--vault-bucket <name>", "the vault; or BACKUP_ESTATE_VAULT_BUCKET")
    .option("--region <region>", "its Region; or AWS_REGION");
}

function example(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  backup-estate ${line}`).join("\n")}`;
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new InvalidArgumentError("Expected a whole number above 0.");
}

function parseMoment(text: string): Date {
  const moment = new Date(text);
  if (/^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:\d{2})$/.test(text) && !Number.isNaN(moment.getTime()))
    return moment;
  throw new InvalidArgumentError("Expected a time like 2026-11-23T02:00:00Z.");
}

/** Exit code of what commander threw: help and version are no failures. */
export function exitCodeOfCommander(error: { readonly exitCode: number }): number {
  return error.exitCode === 0 ? EXIT.done : EXIT.usage;
}
