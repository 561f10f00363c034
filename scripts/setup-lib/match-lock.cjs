// Exits 0 when node_modules holds the versions of package-lock.json. Runs on whatever Node the machine has.
const { readFileSync } = require("node:fs");

const packagesOf = (file) => JSON.parse(readFileSync(file, "utf8")).packages;
const locked = packagesOf("package-lock.json");
const installed = packagesOf("node_modules/.package-lock.json");

const stale = Object.entries(locked).filter(
  ([path, entry]) => path !== "" && !entry.optional && installed[path]?.version !== entry.version,
);
process.exit(stale.length === 0 ? 0 : 1);
