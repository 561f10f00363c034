import type { Cadence } from "./cadence.ts";

/** Names of stored objects: a contract, see docs/adr/0001. `cadence` comes first so that lifecycle can address it. */
export const keys = {
  data: (cadence: Cadence, source: string, backupId: string, file: string) =>
    `data/${cadence}/${source}/${backupId}/${file}`,
  manifests: (cadence: Cadence, source: string) => `manifests/${cadence}/${source}/`,
  manifestsOf: (cadence: Cadence) => `manifests/${cadence}/`,
  manifest: (cadence: Cadence, source: string, backupId: string) =>
    `manifests/${cadence}/${source}/${backupId}.json`,
  sets: (cadence: Cadence) => `sets/${cadence}/`,
  set: (cadence: Cadence, setId: string) => `sets/${cadence}/${setId}.json`,
  verifications: (cadence: Cadence, source: string) => `verifications/${cadence}/${source}/`,
  verification: (cadence: Cadence, source: string, backupId: string, recordId: string) =>
    `verifications/${cadence}/${source}/${backupId}/${recordId}.json`,
  /** Looks at all long-term backups. No source has a name with that first letter. */
  archiveLooks: (cadence: Cadence) => `verifications/${cadence}/_archive/`,
  archiveLook: (cadence: Cadence, recordId: string) => `verifications/${cadence}/_archive/${recordId}.json`,
  drills: (cadence: Cadence, source: string) => `drills/${cadence}/${source}/`,
  drill: (cadence: Cadence, source: string, backupId: string, recordId: string) =>
    `drills/${cadence}/${source}/${backupId}/${recordId}.json`,
  recovery: (runId: string) => `recoveries/${runId}.json`,
  completeRecovery: (runId: string) => `recoveries/complete/${runId}.json`,
  disasterDrill: (runId: string) => `drills/complete/${runId}.json`,
  slotClaim: (cadence: Cadence, slot: string) => `claims/slots/${cadence}/${slot.replaceAll(":", "")}.json`,
  sourceClaim: (source: string) => `claims/sources/${source}.json`,
  sliceClaim: (source: string) => `claims/slices/${source}.json`,
  /** Which run last began to overwrite a source or target. */
  overwriting: (target: string) => `claims/overwriting/${target}.json`,
  /** The last gap that was found between slices. */
  sliceGap: (source: string) => `claims/slice-gaps/${source}.json`,
  /** `executionDigest`: SHA-256 of the execution's ARN, hex. */
  alert: (executionDigest: string) => `incidents/alerts/${executionDigest}.json`,
  approval: (runId: string) => `approvals/${runId}.json`,
  /** The token that waits for the artifacts of a backup to be thawed. */
  thaw: (backupId: string) => `runs/thaws/${backupId}.json`,
  /** The token that an escalation waits for. */
  escalation: (runId: string) => `escalations/${runId}.json`,
  /** The newest copy of a source on the host. */
  localCopy: (source: string) => `runs/local-tier/${source}.json`,
  step: (runId: string, step: string) => `runs/${runId}/${step}.json`,
} as const;
