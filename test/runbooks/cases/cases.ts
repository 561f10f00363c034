import { approveMachine } from "../../../runbooks/approve.ts";
import { backupMachine } from "../../../runbooks/backup.ts";
import { completeDisasterRecoveryMachine } from "../../../runbooks/complete-disaster-recovery.ts";
import { disasterDrillMachine } from "../../../runbooks/disaster-drill.ts";
import { drillMachine } from "../../../runbooks/drill.ts";
import { escalateMachine } from "../../../runbooks/escalate.ts";
import { localTierMachine } from "../../../runbooks/local-tier.ts";
import { preDeployBackupMachine } from "../../../runbooks/pre-deploy-backup.ts";
import { recoverMachine } from "../../../runbooks/recover.ts";
import { regionLoss } from "../../../runbooks/region-loss.ts";
import { thawArchiveMachine } from "../../../runbooks/thaw-archive.ts";
import { verifyArchive } from "../../../runbooks/verify-archive.ts";
import { answers, BINDINGS, chosen, failsWith, type Script, thawPlanned } from "../../support/asl/estate.ts";
import type { Answer } from "../../support/asl/types.ts";

import { COMPLETE, COMPLETE_REPORT } from "./complete.ts";
import { type Case, starts, stays } from "./row.ts";

/** After these the restore cannot have begun, so that the app may start again. */
const RESTORE_NOT_BEGUN = [
  "RefusedError",
  "Lambda.TooManyRequestsException",
  "ECS.AmazonECSException",
  "ECS.ThrottlingException",
];

const lambda = { compute: "lambda" } as const;
const stopFails: Script = { "stop-app": () => failsWith("RefusedError") };
const silence: Answer = { kind: "silence" };
const onlyAnswers = (state: string): Script => ({
  "call-contacts": (_request, _attempt, call) => (call.state === state ? undefined : silence),
});
export const frozen = () => answers({ state: "thawing", artifacts: 12, waiting: 3 });
export const stillFrozen: Script = { "request-thaw": frozen };
const mayStart = (error: string) => RESTORE_NOT_BEGUN.includes(error);

/** Only one source, so that each attempt counts once. */
const uncheckedOnFargate = {
  drills: [{ ...chosen.drills[0], checkDue: true }],
  leftOut: [],
};

/** Every machine, every task of it. */
export const CASES: Record<string, Case> = {
  Backup: {
    machine: backupMachine(BINDINGS),
    rows: {
      "Claim the slot": { endsAs: "ClaimFailed" },
      "Dump on Lambda": { endsAs: "BackupIncomplete" },
      "Dump on Fargate": { endsAs: "BackupIncomplete" },
      "Check on Lambda": { endsAs: "BackupIncomplete" },
      "Check on Fargate": { endsAs: "BackupIncomplete" },
      Drill: { endsAs: "BackupIncomplete" },
      "Record the set": { endsAs: "SetNotRecorded" },
    },
  },
  Recover: {
    machine: recoverMachine(BINDINGS),
    rows: {
      "Start the recovery of everything": { endsAs: "RecoveryNotStarted", input: { source: "all" } },
      "Plan the recovery": { endsAs: "RecoveryNotPlanned", appStartedAfter: stays },
      "Ask for approval": { endsAs: "same", appStartedAfter: stays },
      "Check the backup on Lambda": { endsAs: "same", appStartedAfter: stays, plan: lambda },
      "Check the backup on Fargate": { endsAs: "same", appStartedAfter: stays },
      "Stop the app": { endsAs: "same", appStartedAfter: starts },
      "Make a safety backup on Lambda": { endsAs: "same", appStartedAfter: starts, plan: lambda },
      "Make a safety backup on Fargate": { endsAs: "same", appStartedAfter: starts },
      "Restore on Lambda": { endsAs: "same", appStartedAfter: mayStart, plan: lambda },
      "Restore on Fargate": { endsAs: "same", appStartedAfter: mayStart },
      "Compare on Lambda": { endsAs: "same", appStartedAfter: stays, plan: lambda },
      "Compare on Fargate": { endsAs: "same", appStartedAfter: stays },
      "Start the app": { endsAs: "same", appStartedAfter: stays },
      "Ask for its health": { endsAs: "same", appStartedAfter: stays },
      Report: { endsAs: "RecoveryNotRecorded", appStartedAfter: stays },
      "Start the app again": { endsAs: "RefusedError", script: stopFails },
      "Report the failure": { endsAs: "RefusedError", script: stopFails, appStartedAfter: stays },
    },
  },
  Drill: {
    machine: drillMachine(BINDINGS),
    rows: {
      "Choose the backups": { endsAs: "DrillNotChosen" },
      "Check on Lambda": { endsAs: "DrillFailed" },
      "Check on Fargate": {
        endsAs: "DrillFailed",
        script: { "choose-drills": () => answers(uncheckedOnFargate) },
      },
      Drill: { endsAs: "DrillFailed" },
    },
  },
  "Pre-deploy backup": {
    machine: preDeployBackupMachine(BINDINGS),
    rows: {
      "Claim the sources": { endsAs: "ClaimFailed" },
      "Dump on Lambda": { endsAs: "DoNotDeploy" },
      "Dump on Fargate": { endsAs: "DoNotDeploy" },
      "Check on Lambda": { endsAs: "DoNotDeploy" },
      "Check on Fargate": { endsAs: "DoNotDeploy" },
      Drill: { endsAs: "DoNotDeploy" },
      "Record the set": { endsAs: "SetNotRecorded" },
    },
  },
  Escalate: {
    machine: escalateMachine(BINDINGS),
    rows: {
      "Read what it is about": { endsAs: "EscalationNotOpened" },
      "Call L1": { endsAs: "NobodyAnswered", script: onlyAnswers("Call L1") },
      "Call L2": { endsAs: "NobodyAnswered", script: onlyAnswers("Call L2") },
      "Call L3": { endsAs: "NobodyAnswered", script: onlyAnswers("Call L3") },
      "Take it over": { endsAs: "NotTakenOver", input: { acknowledge: "run-0", by: "Omar" } },
    },
  },
  "Thaw archive": {
    machine: thawArchiveMachine(BINDINGS),
    rows: {
      "Plan the thaw": { endsAs: "ThawNotPlanned" },
      "Ask Glacier": { endsAs: "GlacierNotAsked" },
      "Wait for Glacier": {
        endsAs: "ThawNotSeen",
        script: { ...stillFrozen, "look-at-thaw": () => failsWith("RefusedError") },
      },
      "Look at the artifacts": { endsAs: "ThawNotSeen", script: stillFrozen },
      "Start the recovery": { endsAs: "RecoveryNotStarted" },
      "Start the drill": {
        endsAs: "DrillNotStarted",
        script: { "plan-thaw": () => answers(thawPlanned({ recovery: "drill" })) },
      },
    },
  },
  "Local tier": {
    machine: localTierMachine(BINDINGS),
    rows: {
      "List the sources": { endsAs: "CopiesNotListed" },
      "Copy to the host": { endsAs: "LocalTierIncomplete" },
    },
  },
  "Verify archive": {
    machine: verifyArchive.machine(BINDINGS),
    rows: { "Look at the archive": { endsAs: "ArchiveNotSeen" } },
  },
  "Complete disaster recovery": {
    machine: completeDisasterRecoveryMachine(BINDINGS),
    rows: { ...COMPLETE, ...COMPLETE_REPORT },
  },
  "Region loss": {
    machine: regionLoss.machine(BINDINGS),
    rows: { ...COMPLETE, ...COMPLETE_REPORT },
  },
  "Disaster drill": {
    machine: disasterDrillMachine(BINDINGS),
    rows: {
      ...COMPLETE,
      "Stop the app of the drill": { endsAs: "same", appStartedAfter: stays },
      "Stop what the drill started": {
        endsAs: "RefusedError",
        script: { restore: () => failsWith("RefusedError") },
        appStartedAfter: stays,
      },
      ...COMPLETE_REPORT,
    },
  },
  Approve: { machine: approveMachine(BINDINGS), rows: { "Give the answer": { endsAs: "AnswerNotGiven" } } },
};
