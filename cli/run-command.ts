import { Command, InvalidArgumentError, Option } from "commander";
import { FULL_CADENCES } from "../lambda/engine/model/cadence.ts";
import { MACHINE_NAMES } from "../lambda/engine/model/machines.ts";
import { THAW_TIERS } from "../lambda/engine/model/thaw.ts";
import { type RunOptions, runMachine } from "./run.ts";
import type { CliWorld } from "./world.ts";

const WAIT_DEFAULT_MINUTES = 300;

const EXAMPLES = `
Examples:
  backup-estate run backup --source mongodb --wait
  backup-estate run backup --include erp.invoices --query '{"customer":"C-17"}' --wait
  backup-estate run recover --source mongodb --mode plan --wait
  backup-estate run recover --moment 2026-11-24T01:59:59Z --mode execute --reason "dropped" --wait
  backup-estate run recover --include erp.invoices --mode execute --wait          one collection, into its place
  backup-estate run recover --include 'erp.*' --beside --mode execute --wait      beside the live ones
  backup-estate run recover --rename 'erp.*=erp_copy.*' --target scratch --wait   on another server
  backup-estate run recover --source all --wait                                   plans the recovery of everything
  backup-estate run complete-disaster-recovery --new-host 203.0.113.7 --new-host-key 'ssh-ed25519 AAAA…' --wait
  backup-estate run region-loss --region eu-west-1 --wait                         from the replica, in its Region
  backup-estate run disaster-drill --mode execute --wait                          on the throw-away host
  backup-estate run drill --source mongodb --wait                                 prove its newest backup
  backup-estate run pre-deploy-backup --wait && ./deploy.sh                       exit code 0: safe to deploy
  backup-estate run approve --run 6f1c2a52-manual --decision approve
  backup-estate run thaw-archive --source mongodb --wait                         hours and dollars first
  backup-estate run escalate --about "the restore hangs, the app is stopped"
  backup-estate run escalate --acknowledge 6f1c2a52-manual --by Omar --wait

Patterns are names as the source has them, such as erp.invoices; * stands for anything, \\* for itself.`;

/** The command that starts a machine. */
export function runCommand(world: CliWorld): Command {
  const command = new Command("run")
    .description("Start a machine of the estate.")
    .argument("<machine>", MACHINE_NAMES.join(", "))
    .option("--estate <name>", "name of the estate; or BACKUP_ESTATE_NAME; needed where there are several")
    .option("--region <region>", "Region of the estate; or AWS_REGION")
    .option("--input <json>", "the whole input, instead of what follows");
  addSelection(addBackup(command));
  addRecover(command);
  addComplete(command);
  return command
    .option("--run <runId>", "approve: the recovery that waits")
    .addOption(new Option("--decision <decision>", "approve: the answer").choices(["approve", "reject"]))
    .addOption(new Option("--tier <tier>", "thaw-archive: how fast, and how dear").choices(THAW_TIERS))
    .option("--days <number>", "thaw-archive: how long the copies stay readable", parseCount)
    .addOption(
      new Option("--recovery <mode>", "thaw-archive: how recover is started, or a drill").choices([
        "plan",
        "execute",
        "drill",
      ]),
    )
    .option("--about <text>", "escalate: what people are called for")
    .option("--acknowledge <runId>", "escalate: take this one over")
    .option("--by <name>", "escalate: who takes it over")
    .option("--wait", "follow the execution to its end")
    .option("--json", "JSON only: the execution's ARN, or with --wait its output or failure")
    .option("--wait-minutes <number>", "follow it so long at most", parseCount, WAIT_DEFAULT_MINUTES)
    .action((machine: string, options: RunOptions) => runMachine(machine, options, world))
    .addHelpText("after", EXAMPLES);
}

function addBackup(command: Command): Command {
  return command
    .addOption(
      new Option("--cadence <cadence>", "backup: manual where it is not said").choices(FULL_CADENCES),
    )
    .option("--slot <time>", "backup: a slot that was missed, by its moment in UTC")
    .option(
      "--source <name...>",
      "backup, pre-deploy-backup: these sources; recover, drill, thaw-archive: this one",
    );
}

function addSelection(command: Command): Command {
  return command
    .option("--include <pattern...>", "backup (manual), recover: only these names")
    .option("--exclude <pattern...>", "backup (manual), recover: not these names")
    .option("--query <json>", "backup (manual): only these records of the one collection that is included")
    .option("--users", "with users and roles, also of a part")
    .option("--no-users", "without users and roles, also of the whole");
}

function addRecover(command: Command): Command {
  return command
    .addOption(
      new Option("--mode <mode>", "recover, thaw-archive: only plan, or do it").choices(["plan", "execute"]),
    )
    .option("--backup <backupId>", "recover, drill, thaw-archive: this backup instead of the newest")
    .option(
      "--set <setId>",
      "drill: every backup of this set; complete-disaster-recovery, region-loss, disaster-drill: this set",
    )
    .option("--moment <moment>", "recover: to this time, or <seconds>:<ordinal> of the oplog")
    .option("--rename <from=to...>", "recover: under other names, such as 'erp.*=erp_copy.*'")
    .option("--beside [mark]", "recover: beside the live ones, as <name>_recovered_<mark>")
    .option("--target <name>", "recover: to one of the targets of estate.yaml")
    .addOption(
      new Option("--guard <guard>", "recover: whether what is there may be overwritten").choices([
        "refuse-non-empty",
        "replace",
      ]),
    )
    .addOption(
      new Option("--safety-backup <choice>", "recover: of what is overwritten").choices(["make", "skip"]),
    )
    .addOption(
      new Option("--space <choice>", "recover: where the target looks too small").choices([
        "require",
        "ignore",
      ]),
    )
    .option("--resume <runId>", "recover: go on with an earlier run")
    .option("--reason <text>", "recover, approve: why, for the record");
}

function addComplete(command: Command): Command {
  return command
    .option(
      "--not-after <time>",
      "complete-disaster-recovery, region-loss, disaster-drill: the newest set until then",
    )
    .option(
      "--without <source...>",
      "complete-disaster-recovery, region-loss, disaster-drill: not these sources",
    )
    .addOption(
      new Option(
        "--slices <choice>",
        "complete-disaster-recovery, region-loss, disaster-drill: beyond the set",
      ).choices(["leave-out", "replay"]),
    )
    .option(
      "--new-host <host>",
      "complete-disaster-recovery, region-loss, recover, approve: [user@]address[:port] in the host's place",
    )
    .option("--new-host-key <key>", "and its public host key, as in known_hosts");
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new InvalidArgumentError("Expected a whole number above 0.");
}
