import { approveMachine } from "./approve.ts";
import { backupMachine } from "./backup.ts";
import { completeDisasterRecoveryMachine } from "./complete-disaster-recovery.ts";
import { disasterDrillMachine } from "./disaster-drill.ts";
import { drillMachine } from "./drill.ts";
import { escalateMachine } from "./escalate.ts";
import { NEW_HOST, RUN_ID, SET_ID } from "./examples.ts";
import { localTier } from "./local-tier.ts";
import { preDeployBackupMachine } from "./pre-deploy-backup.ts";
import { recoverMachine } from "./recover.ts";
import { regionLoss } from "./region-loss.ts";
import type { Runbook } from "./runbook.ts";
import { thawArchiveMachine } from "./thaw-archive.ts";
import { verifyArchive } from "./verify-archive.ts";

/** Every runbook of the estate; documentation and tests derive from this list. */
export const RUNBOOKS: readonly Runbook[] = [
  {
    name: "backup",
    title: "Back up the sources of a cadence",
    startedBy: "EventBridge Scheduler; an operator for a backup out of turn",
    inputs: [
      { input: { cadence: "daily" }, means: "All sources, for the last slot of the daily schedule." },
      {
        input: { cadence: "manual", sources: ["mongodb"] },
        means: "One source, now, as a backup out of turn.",
      },
      {
        input: { cadence: "daily", slot: "2026-11-23T02:00:00Z" },
        means: "A slot that was missed, by its moment in UTC.",
      },
      {
        input: { cadence: "manual", sources: ["mongodb"], scope: { include: ["erp.*"], users: "exclude" } },
        means: "A part of one source: `include`, `exclude`, `query`, `users`. It never stands for the whole.",
      },
    ],
    walk: [
      "Open Step Functions in the estate's Region, choose the machine that ends in `-backup`, and open the execution that failed.",
      "Read its cause: it names every source that failed, the step and the error. The other sources' backups count.",
      "IntegrityError: do not repeat it. Stored bytes are not what was written; call the next level of the contacts.",
      "SourceError: log in to the host and see whether the source answers. VaultError: see the health of S3 and KMS in that Region.",
      'When the fault is gone, choose "Start execution" with `{"cadence":"manual","sources":["<source>"]}`, the source that failed.',
      "The execution that ends green has its set under `sets/manual/` in the vault.",
    ],
    machine: backupMachine,
  },
  {
    name: "recover",
    title: "Bring a source back from the vault",
    startedBy: "an operator, in the console or by `backup-estate run recover`",
    inputs: [
      {
        input: { source: "mongodb" },
        means:
          "Plans the newest verified backup of that source and its slices, and changes nothing. In an estate with one source `{}` does.",
      },
      {
        input: { mode: "execute", reason: "disk lost" },
        means:
          "Recovers from the newest verified backup and its slices; refused where these would drop again.",
      },
      {
        input: { moment: "2026-11-24T01:59:59Z", mode: "execute" },
        means:
          "Recovers all that was written before that second; `<seconds>:<ordinal>` of the oplog is as good.",
      },
      {
        input: { source: "mongodb", backupId: "20261123T020000123Z-7k2m9qx4ta", mode: "execute" },
        means: "Recovers one source from one backup, without slices.",
      },
      {
        input: { scope: { include: ["erp.invoices"] }, mode: "execute" },
        means: "Recovers one collection into its place; nothing else is touched.",
      },
      {
        input: { scope: { include: ["erp.*"], beside: "1126" }, mode: "execute" },
        means: "Puts a copy beside each live one, as `<name>_recovered_1126`; the app goes on.",
      },
      {
        input: {
          target: "scratch",
          scope: { rename: [{ from: "erp.*", to: "old.*" }], users: "exclude" },
          mode: "execute",
        },
        means: "Recovers to another, empty server of the estate's `targets`, under other names.",
      },
      {
        input: { guard: "refuse-non-empty", safetyBackup: "skip", space: "ignore", mode: "execute" },
        means:
          "Words to the guards: overwrite nothing; set nothing aside before; start also where the target looks too small.",
      },
      {
        input: { source: "mongodb", host: NEW_HOST, mode: "execute" },
        means: "Recovers it on another machine, whose host key is named beforehand.",
      },
      {
        input: { source: "all" },
        means: "Hands over to `complete-disaster-recovery`, with the rest of the input.",
      },
      { input: { resume: RUN_ID, mode: "execute" }, means: "Goes on where that run ended." },
    ],
    walk: [
      'Open Step Functions in the estate\'s Region, choose the machine that ends in `-recover`, and start it with the input `{"source":"mongodb"}`: the name of what is lost, as `estate.yaml` has it.',
      "Open the output: the plan says what would be overwritten, how old the backup is and how long it takes.",
      "Agree with it, then start the machine again with the input that stands in the line `next` between the quotes, or copy that line into a shell.",
      "Does it wait at `Ask for approval`? A second person starts the machine that ends in `-approve` with the run's name.",
      "Wait for the end. Green: data are back and compared, the app is healthy.",
      "Red: the cause says the step, the state of the stack and the next command. Believe what it says of the app: where it stays stopped, it must.",
    ],
    machine: recoverMachine,
  },
  {
    name: "complete-disaster-recovery",
    title: "Bring everything back, to the host or to a new one",
    startedBy: "an operator, in the console or by `backup-estate run complete-disaster-recovery`",
    inputs: [
      { input: {}, means: "Plans the newest set that holds every source, verified, and changes nothing." },
      {
        input: { host: NEW_HOST, mode: "execute", reason: "server lost" },
        means: "Recovers everything on a new machine, whose host key is named beforehand.",
      },
      {
        input: { slices: "replay", mode: "execute" },
        means: "On the estate's own host; sources that keep a log go on to the end of their slices.",
      },
      {
        input: { notAfter: "2026-11-24T01:59:59Z" },
        means: "The newest set that holds nothing later than that moment.",
      },
      { input: { setId: SET_ID, without: ["n8n"], mode: "execute" }, means: "That set, without one source." },
      {
        input: { resume: RUN_ID, mode: "execute" },
        means: "Goes on where that run ended, on the same host.",
      },
    ],
    walk: [
      "Is the host gone? Order a new machine now, with Docker and the user of the backups on it (docs/host.md), and note its address and its host key: `ssh-keyscan` from its own console, never over the network.",
      "Open Step Functions in the estate's Region, choose the machine that ends in `-complete-disaster-recovery`, and start it with the input `{}`. It plans and changes nothing, also while the host is gone.",
      "Open the output: the plan says which set, how old it is, what is overwritten and how long it takes.",
      "Start the machine again with the input that stands in the line `next` between the quotes; on a new machine add its `host`.",
      "Does it wait at `Ask for approval`? A second person starts the machine that ends in `-approve` with the run's name, and may name the `host` there.",
      "Wait for the end. Green: every source is back and compared, the app is healthy. Point the name of the product to the new address, write it into estate.yaml and deploy.",
      "Red: the cause names every source that is not back, the state of the host and the next command. Believe what it says of the app: where it stays stopped, it must.",
    ],
    machine: completeDisasterRecoveryMachine,
  },
  regionLoss,
  {
    name: "disaster-drill",
    title: "Recover everything on a throw-away host, and measure it",
    startedBy: "EventBridge Scheduler, once a month; an operator at any time",
    inputs: [
      { input: {}, means: "Plans the newest set on the host of `disasterDrill`, and changes nothing." },
      { input: { mode: "execute" }, means: "Recovers everything there, and stops its app at the end." },
      { input: { setId: SET_ID, mode: "execute" }, means: "The same of that set." },
      { input: { resume: RUN_ID, mode: "execute" }, means: "Goes on where that run ended." },
    ],
    walk: [
      "Open Step Functions in the estate's Region, choose the machine that ends in `-disaster-drill`, and start it with the input `{}`: its plan names the throw-away host. It touches nothing of the estate itself.",
      "Start it again with the input that stands in the line `next` between the quotes.",
      "Green: everything was recovered there; the record under `drills/complete/` in the vault has the seconds of every step, the recovery time and what would have been lost.",
      "Red: a real disaster would have ended like this. The cause names every source that was not back, the step and the error: mend it now, and start again.",
    ],
    machine: disasterDrillMachine,
  },
  {
    name: "drill",
    title: "Prove backups of the vault by restoring them",
    startedBy: "an operator, in the console or by `backup-estate run drill`",
    inputs: [
      { input: {}, means: "The newest whole backup of every source that can be drilled." },
      { input: { source: "mongodb" }, means: "The newest whole backup of one source." },
      {
        input: { backupId: "20261123T020000123Z-7k2m9qx4ta" },
        means:
          "That backup, also an imported one, one of a part, or one that lies in Glacier and was thawed.",
      },
      { input: { setId: SET_ID }, means: "Every backup of that set." },
    ],
    walk: [
      "Open Step Functions in the estate's Region, choose the machine that ends in `-drill`, and start it with the input `{}`. It changes nothing on the host and may be started at any time.",
      "Wait for the end. Green: every chosen backup was restored in isolation, and its content is what was dumped. The output names each with its seconds, and the sources that were left out.",
      "Red: the cause names every backup that is not proven, the step and the error.",
      "IntegrityError: do not repeat it, and do not recover from that backup. Call the next level of the contacts; make a new backup now.",
      "Anything else: the restore could not be run. The backup may be good; mend what the cause names and start again.",
    ],
    machine: drillMachine,
  },
  {
    name: "pre-deploy-backup",
    title: "Say whether it is safe to deploy",
    startedBy:
      "CI, a deploy script or cron, by `backup-estate run pre-deploy-backup --wait`; an operator in the console",
    inputs: [
      { input: {}, means: "Every source of the estate." },
      { input: { sources: ["mongodb"] }, means: "Only what the deployment can harm." },
      { input: { trigger: "deploy 4711" }, means: "Words for the set's record: who asked." },
    ],
    walk: [
      "Open Step Functions in the estate's Region, choose the machine that ends in `-pre-deploy-backup`, and start it with the input `{}`.",
      "Green: every source has a backup of now that was restored and compared. Deploy.",
      "Red with `SourcesBusy`: a backup by a schedule is at work. Start again when it has ended.",
      "Red with anything else: do not deploy. The cause names every source that failed, the step and the error.",
      'Did the deployment ruin the data? Start `-recover`; `{"backupId":"…"}` of that set names the moment before it.',
    ],
    machine: preDeployBackupMachine,
  },
  {
    name: "approve",
    title: "Answer a recovery that waits for approval",
    startedBy: "a second person, with the approver's role",
    inputs: [
      { input: { runId: RUN_ID, decision: "approve" }, means: "Lets the recovery go on." },
      {
        input: { runId: RUN_ID, decision: "approve", host: NEW_HOST },
        means: "Lets the recovery of everything go on, on that new machine.",
      },
      { input: { runId: RUN_ID, decision: "reject" }, means: "Ends the recovery; nothing was changed." },
    ],
    walk: [
      "Open the waiting execution of `-recover`: its name is the run's name, its state `Ask for approval` holds the plan.",
      "Agree with the plan, then start the machine that ends in `-approve` with that run's name and your decision.",
      "Red: the cause says whether the recovery still waits. Whoever started the recovery ought not to approve it: give the right to start `-approve` to others.",
    ],
    machine: approveMachine,
  },
  {
    name: "escalate",
    title: "Call people until one takes it over",
    startedBy: "the publisher of failures for what is critical; an operator",
    inputs: [
      {
        input: { about: "The restore of 02:00 hangs, and the app is stopped." },
        means: "Calls L1, then L2, then L3 of the contacts, each for its waiting time.",
      },
      {
        input: { acknowledge: RUN_ID, by: "Omar" },
        means: "Takes that escalation over; nobody else is called.",
      },
    ],
    walk: [
      "You were called: the message names the run and what has happened. Open Step Functions in the estate's Region and choose the machine that ends in `-escalate`.",
      "Take it over: start the machine with the run's name and yours, as the message says. Green: it is yours, nobody else is called.",
      "Red with `NotTakenOver`: somebody else has it, or nobody answered in time. Open the execution of that name and see.",
      "You need help yourself? Start the machine with what it is about: L1 is called first, each next level after its waiting time.",
      "Red with `NobodyAnswered`: every level was called in vain. Use the telephone.",
    ],
    machine: escalateMachine,
  },
  {
    name: "thaw-archive",
    title: "Bring a backup out of Glacier",
    startedBy:
      "an operator, in the console or by `backup-estate run thaw-archive`; once a quarter EventBridge Scheduler, for a sample",
    inputs: [
      {
        input: { source: "mongodb" },
        means: "Says of the newest verified backup in Glacier how many hours and dollars its thaw takes.",
      },
      {
        input: { source: "mongodb", backupId: "20261101T010000123Z-7k2m9qx4ta", mode: "execute" },
        means: "Thaws that backup for 7 days and plans a recovery from it.",
      },
      {
        input: { source: "mongodb", tier: "bulk", days: 14, mode: "execute", recovery: "execute" },
        means: "The cheapest and slowest way, and the recovery is carried out when everything is there.",
      },
      {
        input: { sample: true, tier: "bulk", days: 3, recovery: "drill", mode: "execute" },
        means:
          "What the schedule says once a quarter: the oldest backup of one source is thawed and drilled.",
      },
    ],
    walk: [
      "Is there a newer backup that is not in Glacier? It is back in minutes: start `-recover` instead.",
      "Open Step Functions in the estate's Region, choose the machine that ends in `-thaw-archive`, and start it with the source.",
      "Open the output: the plan says hours and dollars. Agree with it, then start the machine with the input that stands in the line `next`.",
      "Wait. `Wait for Glacier` is taken again and again; you need not look.",
      "Green: the output names the execution of `-recover`, or of `-drill`, that was started. Go on there.",
      "Red: the cause says what is known, and the next command; to start again is safe and never asks for an object twice.",
    ],
    machine: thawArchiveMachine,
  },
  localTier,
  verifyArchive,
];
