import type { Request } from "../model/requests.ts";
import { verifyArchive } from "./archive/verify-archive.ts";
import { audit } from "./audit.ts";
import { check } from "./check.ts";
import { chooseDrills } from "./choose-drills.ts";
import { claim } from "./claim.ts";
import { actOnHost } from "./complete/act-on-host.ts";
import { planAll } from "./complete/plan-all.ts";
import { reachHost } from "./complete/reach-host.ts";
import { reportAll } from "./complete/report-all.ts";
import { drill } from "./drill.ts";
import { dump } from "./dump.ts";
import { acknowledge } from "./escalate/acknowledge.ts";
import { callContacts } from "./escalate/call-contacts.ts";
import { openEscalation } from "./escalate/open-escalation.ts";
import { copyToHost } from "./local-tier/copy-to-host.ts";
import { listLocalCopies } from "./local-tier/list-local-copies.ts";
import { record } from "./record.ts";
import { approve } from "./recover/approve.ts";
import { askApproval } from "./recover/ask-approval.ts";
import { plan } from "./recover/plan.ts";
import { runRecoveryStep } from "./recover/run-step.ts";
import { makeSafetyBackup } from "./recover/safety-backup.ts";
import type { Services } from "./services.ts";
import { slice } from "./slice.ts";
import { awaitThaw } from "./thaw/await-thaw.ts";
import { lookAtThaw } from "./thaw/look-at-thaw.ts";
import { planThaw } from "./thaw/plan-thaw.ts";
import { requestThaw } from "./thaw/request-thaw.ts";

export const WORKER_ROLES = ["writer", "checker", "drill", "restorer", "approver", "auditor"] as const;
export type WorkerRole = (typeof WORKER_ROLES)[number];

export interface Job<One extends Request = Request> {
  /** Only workers of these roles have the rights that the job needs. */
  readonly roles: readonly WorkerRole[];
  /** Whether the worker answers the token itself, or the job hands it to somebody else. */
  readonly token: "answered" | "hands-on";
  run(request: One, services: Services, signal: AbortSignal): Promise<unknown>;
}

type RequestOf<Name extends Request["job"]> = Extract<Request, { job: Name }>;
type JobTable = { readonly [Name in Request["job"]]: Job<RequestOf<Name>> };
type RecoveryStepRequest = RequestOf<"stop-app">;

const recoveryStep: Job<RecoveryStepRequest> = {
  roles: ["restorer"],
  token: "answered",
  run: runRecoveryStep,
};

const TABLE: JobTable = {
  claim: { roles: ["writer"], token: "answered", run: claim },
  dump: { roles: ["writer"], token: "answered", run: dump },
  check: { roles: ["checker"], token: "answered", run: check },
  "verify-archive": { roles: ["checker"], token: "answered", run: verifyArchive },
  drill: { roles: ["drill"], token: "answered", run: drill },
  "choose-drills": { roles: ["checker"], token: "answered", run: chooseDrills },
  record: { roles: ["writer"], token: "answered", run: record },
  plan: { roles: ["restorer"], token: "answered", run: plan },
  "check-backup": recoveryStep,
  "stop-app": recoveryStep,
  "safety-backup": { roles: ["writer"], token: "answered", run: makeSafetyBackup },
  restore: recoveryStep,
  compare: recoveryStep,
  "start-app": recoveryStep,
  health: recoveryStep,
  report: recoveryStep,
  "ask-approval": { roles: ["restorer"], token: "hands-on", run: askApproval },
  approve: { roles: ["approver"], token: "answered", run: approve },
  slice: { roles: ["writer"], token: "answered", run: slice },
  audit: { roles: ["auditor"], token: "answered", run: audit },
  "open-escalation": { roles: ["approver"], token: "answered", run: openEscalation },
  "call-contacts": { roles: ["approver"], token: "hands-on", run: callContacts },
  "plan-thaw": { roles: ["restorer"], token: "answered", run: planThaw },
  "request-thaw": { roles: ["restorer"], token: "answered", run: requestThaw },
  "await-thaw": { roles: ["restorer"], token: "hands-on", run: awaitThaw },
  "look-at-thaw": { roles: ["restorer"], token: "answered", run: lookAtThaw },
  "plan-all": { roles: ["restorer"], token: "answered", run: planAll },
  "reach-host": { roles: ["restorer"], token: "answered", run: reachHost },
  "act-on-host": { roles: ["restorer"], token: "answered", run: actOnHost },
  "report-all": { roles: ["restorer"], token: "answered", run: reportAll },
  "list-local-copies": { roles: ["restorer"], token: "answered", run: listLocalCopies },
  "copy-to-host": { roles: ["restorer"], token: "answered", run: copyToHost },
  acknowledge: { roles: ["approver"], token: "answered", run: acknowledge },
};

/** Job → who may do it, and how. The request's own `job` chooses the row, so it is of the row's type. */
export const JOBS = TABLE as Readonly<Record<Request["job"], Job>>;
