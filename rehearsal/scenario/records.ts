/** What the scenario reads of the stored contracts (docs/adr/0001), written down here a second time on purpose. */
export interface ManifestRecord {
  backupId: string;
  setId: string;
  cadence: string;
  source: string;
  kind: string;
  from?: { at: string; log?: string };
  to: { at: string; log?: string };
  startedAt: string;
  sealedAt: string;
  artifacts: {
    name: string;
    key: string;
    versionId: string;
    sha256: string;
    plainBytes: number;
    storedBytes: number;
  }[];
  lockedUntil: string;
}

export interface SetRecord {
  setId: string;
  state: "complete" | "incomplete";
  trigger: string;
  /** Between the earliest and the latest position of its backups. */
  skewSeconds: number;
  startedAt: string;
  endedAt: string;
  executionArn: string;
}

export interface DrillRecord {
  outcome: "identical" | "replayed" | "different" | "not-run";
  checkedNamespaces: number;
}

export interface RecoveryRecord {
  runId: string;
  backup: { cadence: string; source: string; backupId: string };
  recoversTo: string;
  moment?: string;
  slices?: number;
  scope?: { include?: string[]; beside?: string };
  safetyBackup?: { backupId: string };
  rtoSeconds: number;
  steps: { name: string; seconds: number }[];
  comparison: { outcome: string; checkedNamespaces: number };
}

export interface CompleteRecoveryRecord {
  setId: string;
  rtoSeconds: number;
  rpoSeconds: number;
  sources: { source: string; outcome: string; comparison: { outcome: string } }[];
  steps: { name: string; seconds: number }[];
}
