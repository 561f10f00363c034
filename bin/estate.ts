import { dirname } from "node:path";
import { makeEstateApp } from "../lib/estate-app.ts";

const tell = (text: string) => process.stderr.write(`${text}\n`);

try {
  makeEstateApp(dirname(import.meta.dirname), tell).synth();
} catch (error) {
  if (!(error instanceof Error) || error.name !== "ConfigError") throw error;
  tell(error.message);
  process.exitCode = 1;
}
