import type { MachineBindings } from "./bindings.ts";
import { completeMachine } from "./complete/machine.ts";
import { NEW_HOST, RUN_ID, SET_ID } from "./examples.ts";
import type { Runbook } from "./runbook.ts";
import type { Machine } from "./steps/asl.ts";

/** The machine `Region loss`: the complete recovery from the replica vault, by workers beside it. */
function regionLossMachine(bindings: MachineBindings): Machine {
  return completeMachine(bindings, {
    runbook: "region-loss",
    comment:
      "Brings every source back from the replica vault, by workers of its Region alone, in the order in which they need each other. Without input it plans and changes nothing.",
  });
}

/** The runbook for the day on which the first Region does not answer. */
export const regionLoss: Runbook = {
  name: "region-loss",
  title: "Bring everything back from the other Region",
  startedBy: "an operator, in the console of the **replica's** Region or by `backup-estate run region-loss`",
  inputs: [
    { input: {}, means: "Plans the newest set of the replica vault that holds every source, verified." },
    {
      input: { mode: "execute", reason: "Region lost" },
      means: "Recovers everything to the estate's own host.",
    },
    {
      input: { host: NEW_HOST, mode: "execute", reason: "Region and server lost" },
      means: "The same on a new machine, whose host key is named beforehand.",
    },
    {
      input: { slices: "replay", mode: "execute" },
      means: "Sources that keep a log go on to the end of the slices that were replicated.",
    },
    { input: { setId: SET_ID, without: ["n8n"], mode: "execute" }, means: "That set, without one source." },
    { input: { resume: RUN_ID, mode: "execute" }, means: "Goes on where that run ended, on the same host." },
  ],
  walk: [
    "Is only the Region of the backups lost, and the product runs? Then nothing has to be recovered. Backups stand still until that Region answers or you deploy the estate to another one (docs/operations.md).",
    "Does the first Region answer, and only something in it is broken? Then start `-complete-disaster-recovery` there: it knows of the backups that are at work, this one does not.",
    "Open the console, **change its Region to the replica's** (`regions.replica` of estate.yaml), open Step Functions and choose the machine that ends in `-region-loss`. It is not there? From any machine: `npx cdk deploy Standby`, which needs nothing of the lost Region.",
    "Start it with the input `{}`. It plans and changes nothing, also while the host is gone.",
    "Open the output: the plan says which set, how old it is, what is overwritten and how long it takes. It is the newest that was copied whole; what the lost Region had not copied yet is not in it.",
    "Start the machine again with the input that stands in the line `next` between the quotes; on a new machine add its `host`.",
    "Does it wait at `Ask for approval`? A second person starts the machine that ends in `-approve`, in the replica's Region, with the run's name.",
    "Red at `check-backup`, with an artifact that `is not in the vault`: you named a set that had not been copied whole before the Region was lost. Nothing was changed; leave `setId` out.",
    "Green: every source is back and compared, the app is healthy. Now deploy the estate with other `regions`, so that backups go on.",
  ],
  machine: regionLossMachine,
};
