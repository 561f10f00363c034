import { type App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import type { DrillServer } from "../../lambda/engine/sources/source.ts";
import type { Bundle } from "../bundle.ts";
import type { DrillDisk } from "../drill-servers.ts";
import { ReplicaStack } from "./replica-stack.ts";
import { RunbooksStack } from "./runbooks-stack.ts";
import { StandbyStack } from "./standby-stack.ts";
import { VaultStack } from "./vault-stack.ts";
import { WatchStack } from "./watch-stack.ts";
import { WorkersStack } from "./workers-stack.ts";

export interface EstateStacksProps {
  readonly estate: Estate;
  readonly bundle: Bundle;
  /** By the source's name in the estate. */
  readonly drillServers: Readonly<Record<string, DrillServer | DrillDisk>>;
}

/** Adds every stack of an estate to the app, in the order in which they are deployed, and the rules they obey. */
export function addEstateStacks(app: App, props: EstateStacksProps) {
  const { estate } = props;
  const replica = new ReplicaStack(app, "Replica", estate);
  const vault = new VaultStack(app, "Vault", estate);
  vault.addStackDependency(
    replica,
    "The vault replicates into the replica vault, which it knows by name only.",
  );
  const { stores } = vault;
  const workers = new WorkersStack(app, "Workers", { ...props, stores });
  workers.addStackDependency(vault);
  const runbooks = new RunbooksStack(app, "Runbooks", { estate, stores, workers: workers.exports });
  runbooks.addStackDependency(vault);
  const watch = new WatchStack(app, "Watch", { ...props, stores, workers: workers.exports });
  watch.addStackDependency(runbooks, "The watch looks at machines that it knows by name only.");
  const standby = new StandbyStack(app, "Standby", { ...props, replica: replica.stores });
  standby.addStackDependency(replica);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return { replica, vault, workers, runbooks, watch, standby };
}
