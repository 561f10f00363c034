import { Listr, ListrLogger, ProcessOutput, SimpleRenderer } from "listr2";
import type { StepResult } from "../report/report.ts";
import { runStep, type Step } from "./step.ts";

/** Runs the steps in order with live progress on `stream`; the first that fails ends the scenario. Never throws. */
export async function runScenario<World>(
  steps: readonly Step<World>[],
  world: World,
  stream: NodeJS.WriteStream,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  const tasks = steps.map((step) => ({
    title: step.name,
    task: async (_: unknown, task: { title?: string; output: string }) => {
      const result = await runStep(step, world, (line) => {
        task.output = line;
      });
      results.push(result);
      if (!result.ok) throw new Error(String(result.facts.failure));
      task.title = `${step.name} (${result.seconds.toFixed(1)} s)`;
    },
  }));
  const logger = new ListrLogger({ processOutput: new ProcessOutput(stream, stream) });
  // Its own listener ends the process before the world is closed.
  const registerSignalListeners = false;
  const progress = stream.isTTY
    ? new Listr(tasks, {
        renderer: "default",
        rendererOptions: { logger, collapseErrors: false },
        registerSignalListeners,
      })
    : new Listr(tasks, { renderer: SimpleRenderer, rendererOptions: { logger }, registerSignalListeners });
  await progress.run().catch(() => undefined);
  return results;
}
