import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { estateJsonSchema } from "../lib/config/json-schema.ts";

/** Writes `estate.schema.json`, which editors read; a test compares it with what this would write. */
const path = join(import.meta.dirname, "../estate.schema.json");
writeFileSync(path, `${JSON.stringify(estateJsonSchema(), null, 2)}\n`);
process.stdout.write(`${path}\n`);
