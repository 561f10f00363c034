import { describeFailure } from "../report/failure.ts";
import type { StepResult } from "../report/report.ts";

export type StepFacts = Readonly<Record<string, unknown>>;

/** One sentence of the scenario and what makes it true; throws when it does not hold. */
export interface Step<World> {
  readonly name: string;
  run(world: World, say: (line: string) => void): Promise<StepFacts>;
}

/** States what must hold in a step; `why` is a sentence about what was seen instead. */
export function demand(condition: unknown, why: string): asserts condition {
  if (!condition) throw new Error(why);
}

/** Runs one step and tells what it did, failed or not. Never throws. */
export async function runStep<World>(
  step: Step<World>,
  world: World,
  say: (line: string) => void,
): Promise<StepResult> {
  const startedAt = new Date();
  const seconds = () => (Date.now() - startedAt.getTime()) / 1000;
  const common = { name: step.name, startedAt: startedAt.toISOString() };
  try {
    const facts = await step.run(world, say);
    return { ...common, ok: true, seconds: seconds(), facts };
  } catch (error) {
    return { ...common, ok: false, seconds: seconds(), facts: { failure: describeFailure(error) } };
  }
}
