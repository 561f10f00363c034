import type { RecoveryStage } from "../../lambda/engine/model/backup-set.ts";
import { sources } from "../../lambda/engine/sources/registry.ts";

/** When a complete recovery restores sources of this kind; undefined where the registry has no such kind. */
export function recoveryStageOf(kind: string): RecoveryStage | undefined {
  return sources[kind]?.needs.stage;
}
