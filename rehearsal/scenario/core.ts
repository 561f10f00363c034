import type { World } from "../world/world.ts";
import { backupIsProven, scheduleStartsBackup } from "./backup-steps.ts";
import { certificateComesBack } from "./certificate-steps.ts";
import { everythingComesBack, hostIsLost } from "./disaster-steps.ts";
import { corruptionRaisesOneAlert, lockRefusesDelete, replicaHoldsBackup } from "./guard-steps.ts";
import { configurationComesBack, fileComesBack, redisComesBack, repositoryComesBack } from "./other-steps.ts";
import { partComesBackBeside } from "./part-steps.ts";
import {
  appWasDownOnlyMeanwhile,
  databaseIsLost,
  recoveredIsOneMoment,
  runbookRecovers,
  sliceHoldsLoss,
} from "./recovery-steps.ts";
import { everythingComesBackFromReplica, redisComesBackFromReplica, regionIsLost } from "./region-steps.ts";
import {
  archiveIsThawed,
  archiveSampleIsProven,
  deployIsSafe,
  escalationIsTakenOver,
} from "./runbook-steps.ts";
import type { Step } from "./step.ts";
import { companyIsBusy, estateIsDeployed, worldStarts } from "./world-steps.ts";

/** The rehearsal: a company's server, an estate deployed for it, its loss and its recovery. */
export const coreSteps: readonly Step<World>[] = [
  worldStarts,
  companyIsBusy,
  estateIsDeployed,
  scheduleStartsBackup,
  backupIsProven,
  replicaHoldsBackup,
  lockRefusesDelete,
  corruptionRaisesOneAlert,
  databaseIsLost,
  sliceHoldsLoss,
  runbookRecovers,
  recoveredIsOneMoment,
  appWasDownOnlyMeanwhile,
  partComesBackBeside,
  redisComesBack,
  fileComesBack,
  configurationComesBack,
];

/** What `--all` adds: the other runbooks, each on the machines that were deployed. */
export const allSteps: readonly Step<World>[] = [
  ...coreSteps,
  escalationIsTakenOver,
  archiveIsThawed,
  archiveSampleIsProven,
  deployIsSafe,
  repositoryComesBack,
  certificateComesBack,
  hostIsLost,
  everythingComesBack,
  regionIsLost,
  everythingComesBackFromReplica,
  redisComesBackFromReplica,
];
