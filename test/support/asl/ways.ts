import type { Machine, State, States } from "../../../runbooks/steps/asl.ts";

export type Named = readonly [name: string, state: State];

/** Every state of a machine, those inside its Maps included. */
export function allStates(states: States): Named[] {
  return Object.entries(states).flatMap(([name, state]): Named[] => [
    [name, state],
    ...(state.Type === "Map" ? allStates(state.ItemProcessor.States) : []),
  ]);
}

/** Every way from a state to another, in the words of `Ending.ways`. */
export function allWays(machine: Machine): string[] {
  return allStates(machine.States).flatMap(([name, state]) => [
    ...("Next" in state ? [`${name} -> ${state.Next}`] : []),
    ...(state.Type === "Choice" ? choiceWays(name, state) : []),
    ...("Catch" in state ? state.Catch.map(({ Next }, index) => `${name} -> ${Next} (catch ${index})`) : []),
  ]);
}

function choiceWays(name: string, state: Extract<State, { Type: "Choice" }>): string[] {
  const rules = state.Choices.map(({ Next }, index) => `${name} -> ${Next} (rule ${index})`);
  return [...rules, `${name} -> ${state.Default} (default)`];
}
