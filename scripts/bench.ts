import { parseArgs } from "node:util";

interface Bench {
  /** Prints a table and a line of JSON; true when every gate held. */
  run(options: { readonly sizeMb: number; readonly runs: number }): Promise<boolean>;
}

const benches: Readonly<Record<string, () => Promise<Bench>>> = {
  mongodb: () => import("./bench/mongodb.ts"),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { size: { type: "string", default: "400" }, runs: { type: "string", default: "3" } },
});
const [name = ""] = positionals;
const load = benches[name];
if (load === undefined) {
  console.error(`Usage: npm run bench -- <${Object.keys(benches).join(" | ")}> [--size MB] [--runs 3]`);
  process.exitCode = 2;
} else {
  const bench = await load();
  const held = await bench.run({ sizeMb: Number(values.size), runs: Number(values.runs) });
  process.exitCode = held ? 0 : 1;
}
