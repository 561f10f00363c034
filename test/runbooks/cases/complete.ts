import { allPlanned, answers, failsWith, type Script, sourcePlanned } from "../../support/asl/estate.ts";
import { type Row, starts, stays } from "./row.ts";

const onLambda: Script = {
  "plan-all": () => {
    const source = sourcePlanned("uploads", { compute: "lambda" });
    return answers(allPlanned({ sources: [source], stages: [{ stage: "files", sources: [source] }] }));
  },
};
const onFargate: Script = {
  "plan-all": () => {
    const source = sourcePlanned("uploads");
    return answers(allPlanned({ sources: [source], stages: [{ stage: "files", sources: [source] }] }));
  },
};
const actFails = (action: string): Script => ({
  "act-on-host": (request) =>
    "action" in request && request.action === action ? failsWith("RefusedError") : undefined,
});

/** Of both machines that recover everything. */
export const COMPLETE: Record<string, Row> = {
  "Plan the recovery of everything": { endsAs: "RecoveryNotPlanned", appStartedAfter: stays },
  "Ask for approval": { endsAs: "same", appStartedAfter: stays },
  "Reach the host": { endsAs: "same", appStartedAfter: stays },
  "Check on Lambda": { endsAs: "same", appStartedAfter: stays, script: onLambda },
  "Check on Fargate": { endsAs: "same", appStartedAfter: stays, script: onFargate },
  "Stop the app": { endsAs: "same", appStartedAfter: starts },
  "Start the app again": { endsAs: "RefusedError", script: actFails("stop-app") },
  "Start the servers": { endsAs: "same", appStartedAfter: stays },
  "Make a safety backup on Lambda": { endsAs: "same", appStartedAfter: stays, script: onLambda },
  "Make a safety backup on Fargate": { endsAs: "same", appStartedAfter: stays, script: onFargate },
  "Restore on Lambda": { endsAs: "same", appStartedAfter: stays, script: onLambda },
  "Restore on Fargate": { endsAs: "same", appStartedAfter: stays, script: onFargate },
  "Compare on Lambda": { endsAs: "same", appStartedAfter: stays, script: onLambda },
  "Compare on Fargate": { endsAs: "same", appStartedAfter: stays, script: onFargate },
  "Start the app": { endsAs: "same", appStartedAfter: stays },
  "Ask for its health": { endsAs: "same", appStartedAfter: stays },
};
export const COMPLETE_REPORT: Record<string, Row> = {
  Report: { endsAs: "RecoveryNotRecorded", appStartedAfter: stays },
  "Report the failure": { endsAs: "RefusedError", script: actFails("stop-app"), appStartedAfter: stays },
};

/** Ways that no fault of a task leads to. */
export const COMPLETE_WAYS: Script[] = [
  { "plan-all": () => answers(allPlanned({ mode: "plan" })) },
  { "plan-all": () => answers(allPlanned({ approval: "not-required", hasApp: false })) },
  { "plan-all": () => answers(allPlanned({ sources: [] })) },
  { "reach-host": () => answers({ stopsApp: false }) },
  {
    "plan-all": () => {
      const doneSteps = ["check-backup", "safety-backup", "restore", "compare"];
      const sources = [
        sourcePlanned("config", { doneSteps }),
        sourcePlanned("redis", { safetyBackup: "skip" }),
      ];
      return answers(
        allPlanned({
          sources,
          stages: sources.map((source) => ({ stage: "files", sources: [source] })),
        }),
      );
    },
  },
  { "plan-all": () => answers({ ...allPlanned(), sources: "none" }) },
  {
    "plan-all": () => answers(allPlanned({ runId: "run-0" })),
    "act-on-host": (request) =>
      "action" in request && request.action === "stop-app" ? failsWith("RefusedError") : undefined,
  },
  {
    "plan-all": () =>
      answers(allPlanned({ stages: Array.from({ length: 9 }, () => ({ stage: "files", sources: [] })) })),
  },
  { "plan-all": () => answers({ ...allPlanned(), stages: [{ stage: "files", sources: "none" }] }) },
];
