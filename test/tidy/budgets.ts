import type { SourceFile } from "./source-file.ts";

const FILE_LINES = 300;
const CODEC_LINES = 450;
const FUNCTION_LINES = 60;
const CONSTRUCTOR_LINES = 40;

/** Code that turns bytes into values and back is one table; cutting it in pieces would only hide it. */
const CODEC = /^lambda\/engine\/(mongodb\/bson|stream\/codec)[a-z-]*\.ts$/;

/** Every file, function and constructor that is longer than its budget. */
export function findTooLong(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => [...longFile(file), ...longFunctions(file)]);
}

function longFile({ path, lines }: SourceFile): string[] {
  const budget = CODEC.test(path) ? CODEC_LINES : FILE_LINES;
  return lines > budget ? [`${path} has ${lines} lines, at most ${budget}`] : [];
}

function longFunctions({ path, functions }: SourceFile): string[] {
  return functions
    .map((one) => ({ ...one, budget: one.kind === "constructor" ? CONSTRUCTOR_LINES : FUNCTION_LINES }))
    .filter(({ kind, lines, budget }) => kind !== "suite" && lines > budget)
    .map(({ name, lines, budget }) => `${path}: ${name} has ${lines} lines, at most ${budget}`);
}

/** Median length in lines of the functions, methods and constructors that have a name. */
export function medianFunctionLines(files: readonly SourceFile[]): number {
  const lengths = files
    .flatMap((file) => file.functions)
    .filter(({ name }) => name !== "callback")
    .map(({ lines }) => lines)
    .sort((a, b) => a - b);
  return lengths[Math.floor(lengths.length / 2)] ?? 0;
}
