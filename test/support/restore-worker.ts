import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { mongodb } from "../../lambda/engine/sources/mongodb.ts";
import { configFor, makeContext, manifestFor, toRestoreItems } from "./mongodb.ts";

/** A restore in a process of its own, which a test can kill: base and slices lie in a folder, `plan.json` tells the rest. */
const [folder = "", port = ""] = process.argv.slice(2);

async function readItems(name: string): Promise<Map<string, Buffer>> {
  const items = new Map<string, Buffer>();
  for (const file of (await readdir(join(folder, name))).sort())
    items.set(decodeURIComponent(file), await readFile(join(folder, name, file)));
  return items;
}

const { summary, until } = JSON.parse(await readFile(join(folder, "plan.json"), "utf8"));
const slices = [...(await readItems("slices")).values()].flatMap((bytes) =>
  toRestoreItems(new Map([["dump/oplog.bson", bytes]])),
);
const context = {
  ...makeContext(new AbortController().signal),
  progress: ({ phase }: { readonly phase: string }) => process.stdout.write(`${phase}\n`),
};
await using session = await mongodb.open(
  configFor({ host: "127.0.0.1", port: Number(port) }),
  context as ReturnType<typeof makeContext>,
  "write",
);
const items = toRestoreItems(await readItems("base"));
await session.restore({
  items,
  manifest: manifestFor(summary),
  guard: "replace",
  changes: { items: slices, until },
});
process.stdout.write("done\n");
