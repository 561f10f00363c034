import type { RecoveryPlan } from "../../../lambda/engine/model/recovery.ts";
import type { JsonObject, Machine } from "../../../runbooks/steps/asl.ts";
import type { Script } from "../../support/asl/estate.ts";

/** How a machine has to end when one of its tasks fails for good. */
export interface Row {
  /** The Fail state's error; `same` is the error that the step had. */
  readonly endsAs: string;
  readonly appStartedAfter?: (error: string) => boolean;
  readonly plan?: Partial<RecoveryPlan>;
  readonly script?: Script;
  readonly input?: JsonObject;
}
/** One machine and a row for each of its tasks. */
export interface Case {
  readonly machine: Machine;
  readonly rows: Readonly<Record<string, Row>>;
}

export const stays = () => false;
export const starts = () => true;
